import os
import queue
import subprocess
import threading
from collections.abc import Callable

import pytest

from agent.background import Background
from agent.collectors.gpu import Gpu
from agent.guarded import Stuck
from agent.kernel_log import KernelLog, place
from agent.nvidia_smi import NvidiaSmi, parse, run
from agent.sample import NoData
from tests.agent.fakes import TESTDATA, FakeClock, context


def document(name):
    return (TESTDATA / "nvidia_smi" / f"{name}.xml").read_bytes()


def values(reading):
    return {metric.name: value for metric, value in (*reading.gauges, *reading.counters)}


def test_a_turing_gpu_of_schema_11_is_read():
    [reading] = parse(document("v11-t4")).readings
    found = values(reading)

    assert reading.uuid.startswith("GPU-1d2e")
    assert found["nvidia_smi_utilization_gpu"] == 12
    assert found["nvidia_smi_memory_used"] == 1511
    assert found["gpu_memory_used_percent"] == pytest.approx(100 * 1511 / 15109)
    assert found["nvidia_smi_power_draw"] == 9.55
    assert found["gpu_power_limit"] == 70
    assert found["gpu_performance_state"] == 8
    assert found["nvidia_smi_pcie_link_width_current"] == 8
    assert (found["gpu_throttle_hw_slowdown"], found["gpu_throttle_hw_thermal"]) == (100, 100)
    assert found["gpu_throttle_power_cap"] == found["gpu_throttle_application_clocks"] == 0
    assert (found["gpu_ecc_uncorrected"], found["gpu_ecc_corrected"]) == (1, 3)
    assert found["gpu_pcie_replays"] == 2
    assert found["gpu_processes"] == 0
    assert "gpu_temperature_memory" not in found, "N/A"
    assert "gpu_memory_reserved" not in found


def test_hopper_gpus_of_schema_13_are_read():
    first, second = map(values, parse(document("v13-h100x2")).readings)

    assert first["nvidia_smi_power_draw"] == 661.2
    assert first["gpu_power_instant"] == 684
    assert first["gpu_temperature_margin"] == 24
    assert first["gpu_memory_reserved"] == 551 * 2**20
    assert first["gpu_throttle_power_cap"] == 100
    assert (first["gpu_remapped_rows_uncorrected"], first["gpu_remap_pending"], first["gpu_remap_failed"]) == (1, 1, 0)
    assert first["gpu_recovery_action"] == 0
    assert first["gpu_processes"] == 1
    assert (first["gpu_ecc_uncorrected"], second["gpu_ecc_uncorrected"]) == (1, 5)
    assert second["gpu_ecc_corrected"] == 2
    assert second["nvidia_smi_temperature_gpu"] == 87


def test_a_partitioned_gpu_of_schema_12_has_its_instances_memory_once():
    [reading] = parse(document("v12-a100-mig")).readings

    assert [(1, 50.0)] == [(one.number, one.gauges[0][1]) for one in reading.partitions]
    assert "nvidia_smi_utilization_gpu" not in values(reading)
    assert "nvidia_smi_power_draw" not in values(reading)


@pytest.mark.parametrize("text", [b"", b"NVIDIA-SMI has failed", b"<html/>"])
def test_what_is_no_such_document_is_refused_by_name(text):
    with pytest.raises(ValueError, match="nvidia-smi"):
        parse(text)


def test_the_program_runs_once_a_minute_and_its_counters_grow(tmp_path):
    documents = [document("v11-t4"), document("v11-t4").replace(b"<total>1</total>", b"<total>4</total>")]
    clock, runs = FakeClock(), iter(documents)
    background = Background(
        "nvidia-smi", lambda: next(runs), every_seconds=60, monotonic=clock.monotonic, start=lambda _, work: work()
    )
    gpu = Gpu(context(), NvidiaSmi(background, KernelLog(tmp_path / "none")))
    list(gpu.collect())
    with pytest.raises(NoData):
        list(gpu.collect())
    clock.advance(60)

    found = {(one.metric.name, one.dimensions): one.value for one in gpu.collect()}

    assert found["gpu_ecc_uncorrected", (("index", "0"),)] == 3
    assert found["gpu_visible_count", ()] == 1


def test_a_failed_run_fails_the_collector(tmp_path):
    def run():
        raise OSError(5, "driver not loaded")

    background = Background("x", run, every_seconds=60, monotonic=lambda: 0.0, start=lambda _, work: work())

    with pytest.raises(OSError, match="driver not loaded"):
        list(Gpu(context(), NvidiaSmi(background, KernelLog(tmp_path / "none"))).collect())


def test_a_run_that_does_not_end_fails_the_collector_as_a_hung_driver(tmp_path):
    clock = FakeClock()
    started: list[Callable[[], None]] = []
    background = Background(
        "nvidia-smi",
        lambda: document("v11-t4"),
        every_seconds=60,
        monotonic=clock.monotonic,
        start=lambda _, work: started.append(work),
        stuck_after=20,
    )
    gpu = Gpu(context(), NvidiaSmi(background, KernelLog(tmp_path / "none")))
    for seconds in (20, 1):
        with pytest.raises(NoData):
            list(gpu.collect())
        clock.advance(seconds)

    samples = iter(gpu.collect())
    hung = next(samples)
    with pytest.raises(Stuck, match="nvidia-smi"):
        next(samples)
    started[0]()  # it ends at last
    found = {(one.metric.name, one.dimensions): one.value for one in gpu.collect()}

    assert (hung.metric.name, hung.value) == ("gpu_driver_hung", 1)
    assert len(started) == 1
    assert found["gpu_driver_hung", ()] == 0


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Installs a program as nvidia-smi."""

    def install(script):
        path = tmp_path / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr("agent.programs.find", lambda _: str(path))

    return install


def test_the_gpus_that_still_answer_are_read_of_a_run_that_failed_for_another(program):
    program(f"cat {TESTDATA / 'nvidia_smi' / 'v13-h100x2.xml'}; exit 15")

    assert len(parse(run()).readings) == 2


@pytest.mark.parametrize("said", ["Unable to determine the device handle", "<?xml?><nvidia_smi_log><gpu>", ""])
def test_a_failed_run_without_a_whole_document_is_told_by_its_status(program, said):
    program(f"echo '{said}'; exit 15")

    with pytest.raises(subprocess.CalledProcessError, match="15"):
        run()


def runs(name):
    return Background(
        "nvidia-smi", lambda: document(name), every_seconds=60, monotonic=lambda: 0.0, start=lambda _, work: work()
    )


def test_xids_come_from_the_kernels_log_by_the_gpus_place_on_the_bus(tmp_path):
    os.mkfifo(tmp_path / "kmsg")
    kernel = KernelLog(tmp_path / "kmsg")
    writer = os.open(tmp_path / "kmsg", os.O_WRONLY)
    source = NvidiaSmi(runs("v13-h100x2"), kernel)
    gpu = Gpu(context(), source)
    unknown = source.take_faults()
    list(gpu.collect())
    buses = [place(one.bus) for one in parse(document("v13-h100x2")).readings]
    os.write(writer, f"4,1,9,-;NVRM: Xid (PCI:{buses[1]}): 79, pid=1, GPU has fallen off the bus.\n".encode())
    os.write(writer, b"6,2,9,-;eth0: link up\n4,3,9,-;NVRM: Xid (PCI:0000:ff:00): 48, of another\n")

    pressing = gpu.pressing()
    found = {(one.metric.name, one.dimensions): one.value for one in gpu.collect()}
    os.close(writer)
    gpu.close()

    assert unknown == {}
    assert pressing
    assert found["gpu_xid_critical", (("index", "1"),)] == 1
    assert found["gpu_xid_critical", (("index", "0"),)] == 0
    assert found["gpu_xid_errors", (("index", "1"), ("code", "79"))] == 1


def test_a_record_in_the_kernels_log_rings_once_until_the_log_is_read(tmp_path):
    os.mkfifo(tmp_path / "kmsg")
    kernel = KernelLog(tmp_path / "kmsg")
    writer = os.open(tmp_path / "kmsg", os.O_WRONLY)
    rings: queue.SimpleQueue[bool] = queue.SimpleQueue()

    kernel.notify(lambda: rings.put(True))
    os.write(writer, b"4,1,9,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=1\n")
    rings.get(timeout=20)
    first = list(kernel.xids())
    quiet = rings.empty()
    os.write(writer, b"4,2,9,-;NVRM: Xid (PCI:0000:3b:00): 48, pid=1\n")
    rings.get(timeout=20)
    kernel.close()
    os.close(writer)

    assert (first, quiet) == ([("0000:3b:00", 79)], True)


def test_a_log_that_is_a_plain_file_is_not_waited_for(tmp_path):
    (tmp_path / "kmsg").write_bytes(b"4,1,9,-;NVRM: Xid (PCI:0000:3b:00): 79, pid=1\n")
    kernel = KernelLog(tmp_path / "kmsg")
    before = threading.active_count()

    kernel.notify(lambda: None)

    assert threading.active_count() == before
    kernel.close()


def test_places_on_the_bus_are_the_same_however_they_are_written():
    assert place("00000000:3B:00.0") == place("0000:3b:00") == "0000:3b:00"


def test_a_log_that_may_not_be_read_is_no_source_of_zeros(tmp_path):
    source = NvidiaSmi(runs("v11-t4"), KernelLog(tmp_path / "none"))
    source.read()

    assert (source.take_faults(), source.faults_waiting()) == ({}, False)
