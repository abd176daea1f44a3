"""The warm model: loaded and verified before the process claims anything."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.conf import settings

from diagnosis.services import model_versions
from ml.contracts.fake import FakeClassifier

if TYPE_CHECKING:
    from ml.contracts import Classifier

logger = logging.getLogger(__name__)


class Runtime:
    """Holds the classifier of the active model version and follows a change of it."""

    def __init__(self) -> None:
        self._classifier: Classifier | None = None
        self._complaint = ""

    def classifier(self) -> Classifier | None:
        """The active model, ready to run; None while there is none or its bundle is damaged.

        A damaged bundle costs no job anything: nothing is claimed until it is whole again.
        """
        version = model_versions.active()
        if version is None:
            self._not_ready("no model version is active; run: manage.py register_model")
            return None
        if self._classifier is None or self._classifier.info.digest != version.digest:
            self._classifier = None
            try:
                self._classifier = _load(version.folder, version.digest)
            except Exception as error:
                self._not_ready(f"the model cannot be loaded: {type(error).__name__}: {error}")
                return None
            self._complaint = ""
            info = self._classifier.info
            logger.info(
                "ready: %s %s on %s, %s", info.name, info.version, info.engine, info.digest[:12]
            )
        return self._classifier

    def _not_ready(self, complaint: str) -> None:
        if complaint != self._complaint:
            logger.error("not ready: %s", complaint)
        self._complaint = complaint


def _load(folder: str, digest: str) -> Classifier:
    if settings.ENGINE == "fake":
        return FakeClassifier(digest=digest, seconds_per_film=settings.FAKE_SECONDS)
    from ml import engines

    classifier: Classifier = engines.load(
        settings.MODEL_DIR / folder,
        settings.ENGINE,
        cache=settings.ENGINE_CACHE,
        precision=settings.PRECISION,
    )
    if classifier.info.digest != digest:
        raise ValueError("the bundle on disk is not the one that was registered")
    return classifier
