"""Reads a batch's films ahead of the model: from the store to the model's input, in threads."""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diagnosis.errors import StorageUnavailable
from diagnosis.services import films
from diagnosis.services.results import failed, refused
from diagnosis.states import JobCode
from ml.contracts import FilmError, GateFinding
from ml.engines.devices import cores
from ml.inference import read_film

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from diagnosis.services.jobs import ClaimedJob
    from diagnosis.services.results import Ending
    from ml.contracts import FloatArray

    # None: an unexpected error, which is logged.
    Film = FloatArray | Ending | None

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Reading:
    job: ClaimedJob
    film: Future[Film]


class Reader:
    """The films of a batch in the order of the claim, as they become ready."""

    def __init__(self, readings: Sequence[_Reading]) -> None:
        self._waiting = deque(readings)

    def take(self, most: int) -> list[tuple[ClaimedJob, Film]]:
        """The next film, waited for, and those after it that are ready as well; none at the end.

        STAT films come without others. Raises StorageUnavailable.
        """
        taken: list[_Reading] = []
        while self._waiting and len(taken) < most:
            following = self._waiting[0]
            if taken and not (
                following.film.done() and following.job.is_stat == taken[0].job.is_stat
            ):
                break
            taken.append(self._waiting.popleft())
        return [(one.job, one.film.result()) for one in taken]


@contextmanager
def read_ahead(claimed: Sequence[ClaimedJob], input_size: int) -> Iterator[Reader]:
    """Begin to read, one film a core at once. Decoding leaves Python's lock, so the model computes
    meanwhile. At the end nothing more is begun, and what is being read is waited for.
    """
    pool = ThreadPoolExecutor(min(len(claimed), cores()), thread_name_prefix="read")
    try:
        yield Reader([_Reading(job, pool.submit(_read, job, input_size)) for job in claimed])
    finally:
        pool.shutdown(cancel_futures=True)


def _read(job: ClaimedJob, input_size: int) -> Film:
    """The film ready for the model, or how it ends without one. Raises StorageUnavailable."""
    if not job.age_is_covered:
        return refused(job.id, job.attempt, JobCode.AGE_OUT_OF_RANGE)
    try:
        data = films.read(key=job.storage_key, sha256=job.sha256)
        film = read_film(data, films.limits(), input_size)
    except films.FilmMissing:
        return failed(job.id, job.attempt, JobCode.BLOB_CORRUPT)
    except FilmError:
        return failed(job.id, job.attempt, JobCode.UNREADABLE)
    except StorageUnavailable:
        raise
    except Exception:
        logger.exception("job %s: unexpected error while reading its film", job.id)
        return None
    if isinstance(film, GateFinding):
        return refused(job.id, job.attempt, film.code)
    return film
