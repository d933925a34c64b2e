"""Calls of NVML to one GPU, and what each refusal means: not supported, not now, this GPU lost, or the driver gone."""

from collections.abc import Callable, Iterator
from typing import Any

from agent.gpu import memory
from core.catalogue.metric import Metric

# nvml.h, nvmlReturn_t
SUCCESS, _INVALID_ARGUMENT, _NOT_SUPPORTED, _NO_PERMISSION, _FUNCTION_NOT_FOUND = 0, 2, 3, 4, 13
GPU_IS_LOST, _RESET_REQUIRED, _ARGUMENT_VERSION_MISMATCH, _DEPRECATED, _UNKNOWN = 15, 16, 25, 26, 999
_UNINITIALIZED, _DRIVER_NOT_LOADED, LIB_RM_VERSION_MISMATCH = 1, 9, 18

UNAVAILABLE = frozenset(
    {_INVALID_ARGUMENT, _NOT_SUPPORTED, _NO_PERMISSION, _FUNCTION_NOT_FOUND, _ARGUMENT_VERSION_MISMATCH, _DEPRECATED}
)
LOST = frozenset({GPU_IS_LOST, _RESET_REQUIRED})
DRIVER_GONE = frozenset({_UNINITIALIZED, _DRIVER_NOT_LOADED, LIB_RM_VERSION_MISMATCH})


class Lost(Exception):
    """This GPU no longer answers."""


class Calls:
    """Calls by their names. One that the GPU, or the driver, does not support is not made again."""

    def __init__(self, nvml: Any) -> None:
        """`nvml` is the pynvml module, initialized."""
        self.nvml = nvml
        self._unavailable: set[str] = set()

    def __call__(self, name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """The call's answer, or None without one. Raises Lost, and NVMLError where the driver as a whole fails."""
        if name in self._unavailable:
            return None
        try:
            return function(*arguments)
        except self.nvml.NVMLLibraryMismatchError:  # the binding's word for a symbol that the library lacks
            self._unavailable.add(name)
        except self.nvml.NVMLError as error:
            if error.value in UNAVAILABLE:
                self._unavailable.add(name)
            elif error.value in LOST or error.value == _UNKNOWN:
                raise Lost(str(error)) from None
            elif error.value in DRIVER_GONE:
                raise
        return None  # what is not there, or not ready, may be at the next look

    def memory(self, handle: Any, of: str = "") -> Iterator[tuple[Metric, float]]:
        """Version 2 keeps what the driver reserves apart from `used`; drivers before R510 have only version 1."""
        read = self.nvml.nvmlDeviceGetMemoryInfo
        found = self(f"{of}memory v2", read, handle, self.nvml.nvmlMemory_v2)
        if found is not None:
            yield from memory(found.used, found.total, found.free, found.reserved)
            return
        found = self(f"{of}memory", read, handle)
        if found is not None:
            yield from memory(found.used, found.total, found.free, None)
