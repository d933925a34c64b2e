"""AWS Trainium and Inferentia through `neuron-monitor`, where it is installed: it prints one JSON report a period.

Source: AWS Neuron documentation, "Neuron Monitor User Guide".
"""

import json
import logging
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from agent import programs
from agent.collectors.counters import Counters, Deltas, total
from agent.context import Context
from agent.every import Every
from agent.sample import FOR_GOOD, NoData, Sample
from core.catalogue import gpu

if TYPE_CHECKING:
    import subprocess

log = logging.getLogger(__name__)

PERIOD_SECONDS = 5
AGAIN_SECONDS = 60.0
"""Before the program is started again after it ended."""
LONGEST_REPORT = 1 << 20

_WHERE = ("/opt/aws/neuron/bin",)
_CONFIGURATION = {
    "period": f"{PERIOD_SECONDS}s",
    "neuron_runtimes": [
        {
            "tag_filter": ".*",
            "metrics": [
                {"type": "neuroncore_counters"},
                {"type": "memory_used"},
                {"type": "execution_stats"},
            ],
        }
    ],
    "system_metrics": [{"type": "neuron_hw_counters"}],
}


class Neuron:
    """Silent where the program is not installed, or has said nothing new."""

    def __init__(self, context: Context, reports: "Reports | None" = None) -> None:
        """`reports` are the program's, for tests."""
        program = find()
        if reports is None and context.gpu == "auto" and program:
            reports = Monitor(program, Every(AGAIN_SECONDS, context.monotonic))
        self._reports = reports
        self._devices = Deltas()

    def close(self) -> None:
        """End the program."""
        if self._reports is not None:
            self._reports.close()

    def collect(self) -> Iterator[Sample]:
        """The last report; raises NoData between reports."""
        if self._reports is None:
            raise NoData(FOR_GOOD)
        line = self._reports.take()
        if not line:
            raise NoData
        report = json.loads(line)
        yield from parse(report)
        devices = ecc(report)
        if devices:
            yield Sample(gpu.NEURON_DEVICES, len(devices))
        by_device = self._devices.by_device(devices)
        for device, (uncorrected, corrected) in by_device.items():
            yield Sample(gpu.NEURON_ECC_UNCORRECTED, uncorrected, (("NeuronDevice", device),))
            yield Sample(gpu.NEURON_ECC_CORRECTED, corrected, (("NeuronDevice", device),))
        grown = total(by_device)
        if grown is not None:
            yield Sample(gpu.NEURON_ECC_UNCORRECTED, grown[0])
            yield Sample(gpu.NEURON_ECC_CORRECTED, grown[1])


def parse(report: Mapping[str, Any]) -> Iterator[Sample]:
    """What the report says of every process that uses the devices; what it counts is of its period."""
    on_devices = on_host = completed = failed = hardware = 0
    latencies: list[Mapping[str, float]] = []
    told = False
    for process in report.get("neuron_runtime_data") or ():
        parts = process.get("report") or {}
        told = True
        cores = (parts.get("neuroncore_counters") or {}).get("neuroncores_in_use") or {}
        for core, counters in cores.items():
            share = min(100.0, float(counters["neuroncore_utilization"]))
            yield Sample(gpu.NEURON_CORE_UTILIZATION, share, (("NeuronCore", core),))
            yield Sample(gpu.NEURON_CORE_UTILIZATION, share)
        used = (parts.get("memory_used") or {}).get("neuron_runtime_used_bytes") or {}
        on_devices += used.get("neuron_device") or 0
        on_host += used.get("host") or 0
        stats = parts.get("execution_stats") or {}
        errors = stats.get("error_summary") or {}
        completed += (stats.get("execution_summary") or {}).get("completed") or 0
        failed += sum(errors.values())
        hardware += errors.get("hardware") or 0
        latency = (stats.get("latency_stats") or {}).get("total_latency")
        if latency:
            latencies.append(latency)
    if not told:
        return
    yield Sample(gpu.NEURON_MEMORY_USED, on_devices)
    yield Sample(gpu.NEURON_HOST_MEMORY_USED, on_host)
    yield Sample(gpu.NEURON_EXECUTIONS, completed)
    yield Sample(gpu.NEURON_EXECUTION_ERRORS, failed)
    yield Sample(gpu.NEURON_HARDWARE_ERRORS, hardware)
    for metric, name in ((gpu.NEURON_LATENCY_P50, "p50"), (gpu.NEURON_LATENCY_P99, "p99")):
        for latency in latencies:
            yield Sample(metric, 1000 * latency[name])  # in seconds


def ecc(report: Mapping[str, Any]) -> dict[str, Counters]:
    """By device, uncorrected and corrected errors since the driver was loaded."""
    counters = ((report.get("system_data") or {}).get("neuron_hw_counters") or {}).get("neuron_devices") or ()
    return {
        str(device["neuron_device_index"]): (
            device.get("mem_ecc_uncorrected", 0) + device.get("sram_ecc_uncorrected", 0),
            device.get("mem_ecc_corrected", 0) + device.get("sram_ecc_corrected", 0),
        )
        for device in counters
    }


def find() -> str:
    """Where the program is; empty where it is not."""
    return programs.find("neuron-monitor", *_WHERE)


class Reports:
    """The newest report that was not taken."""

    def __init__(self) -> None:
        self._line = b""

    def put(self, line: bytes) -> None:
        """A report came."""
        self._line = line

    def take(self) -> bytes:
        """The newest report, or nothing where none came since the last take."""
        line, self._line = self._line, b""
        return line

    def close(self) -> None:
        """Nothing is held."""


class Monitor(Reports):
    """The running program, started anew when it ends."""

    def __init__(self, program: str, again: Every) -> None:
        super().__init__()
        self._program = program
        self._again = again
        self._running = self._closed = False
        self._process: subprocess.Popen[bytes] | None = None

    def take(self) -> bytes:
        """As of any reports; starts the program where it does not run."""
        if not self._running and not self._closed and self._again.due():
            self._running = True
            threading.Thread(target=self._run, name="neuron-monitor", daemon=True).start()
        return super().take()

    def close(self) -> None:
        """End the program."""
        self._closed = True
        process = self._process
        if process is not None:
            process.terminate()

    def _run(self) -> None:
        import subprocess
        import tempfile

        try:
            with tempfile.NamedTemporaryFile("w", suffix=".json") as configuration:
                json.dump(_CONFIGURATION, configuration)
                configuration.flush()
                command = [self._program, "-c", configuration.name]
                with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
                    self._process = process
                    if self._closed:
                        process.terminate()
                    assert process.stdout is not None  # noqa: S101  it is a pipe
                    while line := process.stdout.readline(LONGEST_REPORT):
                        self.put(line)
            log.warning("neuron-monitor ended", extra={"status": process.returncode})
        except OSError as error:
            log.warning("neuron-monitor not started", extra={"error": str(error)})
        finally:
            self._running, self._process = False, None
