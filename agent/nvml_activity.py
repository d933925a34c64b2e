"""How busy the parts of a GPU are, from NVML's GPM (Hopper and later): the means between two looks.

Without DCGM, and without its profiling: the GPU counts all the time, and two samples of its counters are compared.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from agent.nvml_calls import Calls
from core.catalogue import gpu
from core.catalogue.metric import Metric

LEAST_SECONDS = 0.1
"""NVML compares no two samples that are nearer."""

# nvml.h, nvmlGpmMetricId_t
_METRICS = {2: gpu.GPU_SM_ACTIVE, 3: gpu.GPU_SM_OCCUPANCY, 5: gpu.GPU_TENSOR_ACTIVE, 10: gpu.GPU_DRAM_ACTIVE}


class Activity:
    """Silent on GPUs without GPM, and at the first look."""

    def __init__(
        self, call: Calls, handle: Any, monotonic: Callable[[], float], *, instance: int | None = None
    ) -> None:
        """`instance` is a GPU instance of MIG; None for the whole GPU."""
        self._nvml = nvml = call.nvml
        self._handle = handle
        self._call = call
        self._instance = instance
        self._monotonic = monotonic
        self._samples: list[Any] = []
        self._taken_at: float | None = None
        self._request: Any = None
        support = call("GPM support", nvml.nvmlGpmQueryDeviceSupport, handle)
        if support is not None and support.isSupportedDevice:
            self._samples = [call("GPM sample", nvml.nvmlGpmSampleAlloc) for _ in range(2)]
            self._request = nvml.c_nvmlGpmMetricsGet_t()

    def read(self) -> Iterator[tuple[Metric, float]]:
        """Percent of the time since the previous look."""
        if not all(self._samples) or self._request is None:
            return
        now = self._monotonic()
        if self._taken_at is not None and now - self._taken_at < LEAST_SECONDS:
            return
        before, taken_at = self._samples[1], self._taken_at
        taken = self._take(self._samples[0])
        if taken is None:
            return
        self._samples, self._taken_at = [before, taken], now
        if taken_at is None:
            return
        request = self._request
        request.version = self._nvml.NVML_GPM_METRICS_GET_VERSION
        request.numMetrics = len(_METRICS)
        request.sample1, request.sample2 = before, taken
        for place, number in enumerate(_METRICS):
            request.metrics[place].metricId = number
        if self._call("GPM metrics", self._nvml.nvmlGpmMetricsGet, request) is None:
            return
        for place, metric in enumerate(_METRICS.values()):
            answer = request.metrics[place]
            if answer.nvmlReturn == 0 and answer.value >= 0.0:
                yield metric, min(100.0, answer.value)

    def close(self) -> None:
        """Free both samples, which NVML does not do by itself."""
        samples, self._samples, self._request = self._samples, [], None
        for sample in filter(None, samples):
            with suppress(self._nvml.NVMLError, self._nvml.NVMLLibraryMismatchError):
                self._nvml.nvmlGpmSampleFree(sample)

    def _take(self, sample: Any) -> Any:
        if self._instance is None:
            return self._call("GPM", self._nvml.nvmlGpmSampleGet, self._handle, sample)
        return self._call("GPM of MIG", self._nvml.nvmlGpmMigSampleGet, self._handle, self._instance, sample)
