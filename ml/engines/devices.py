"""What a process can see of the hardware before it imports an engine."""

from __future__ import annotations

import ctypes
import os
from importlib.metadata import distributions

_DRIVER = "libcuda.so.1"
_CUDNN = "nvidia-cudnn-"  # of the `gpu` extra; the CUDA version follows


def has_gpu_for_tensorflow() -> bool:
    """Whether the driver names a CUDA device and the `gpu` extra is installed.

    The driver itself honours CUDA_VISIBLE_DEVICES and what a container may see. Other GPUs, and
    CUDA libraries from elsewhere, are not looked for: name the engine there.
    """
    return _cuda_devices() > 0 and _has_gpu_extra()


def _has_gpu_extra() -> bool:
    return any((found.name or "").lower().startswith(_CUDNN) for found in distributions())


def _cuda_devices() -> int:
    try:
        driver = ctypes.CDLL(_DRIVER)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
