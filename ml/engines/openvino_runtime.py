"""The OpenVINO package: whether it is there, and how it is imported."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any


def is_installed() -> bool:
    try:
        version("openvino")
    except PackageNotFoundError:
        return False
    return True


def import_openvino() -> Any:
    """The module, without its telemetry: importing it plainly reports to a server, unasked."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino  # noqa: TID251 (the one place)

    return openvino
