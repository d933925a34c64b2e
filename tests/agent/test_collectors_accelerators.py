import json
import sys
import threading

import pytest

from agent import programs
from agent.background import Background
from agent.collectors.amd import Amd, parse
from agent.collectors.neuron import Monitor, Neuron, Reports
from agent.every import Every
from agent.sample import NoData
from tests.agent.fakes import TESTDATA, FakeClock, context

REPORTS = TESTDATA / "accelerators"


def text(name):
    return (REPORTS / f"{name}.json").read_text()


def by_device(collector):
    found: dict[tuple[str, ...], list[float]] = {}
    for sample in collector.collect():
        found.setdefault((sample.metric.name, *(value for _, value in sample.dimensions)), []).append(sample.value)
    return found


def amd(clock, documents):
    background = Background(
        "amd-smi", lambda: next(documents), every_seconds=60, monotonic=clock.monotonic, start=lambda _, work: work()
    )
    return Amd(context(monotonic=clock.monotonic), background)


def test_amds_gpus_are_read_on_their_own_and_folded():
    found = by_device(amd(FakeClock(), iter([text("amd_smi")])))

    assert found["amd_gpu_count",] == [2]
    assert found["amd_gpu_utilization", "0"] == [97]
    assert found["amd_gpu_utilization",] == [97, 0]
    assert found["amd_gpu_utilization_memory", "0"] == [41]
    assert found["amd_gpu_memory_used", "0"] == [49148 * 2**20]
    assert found["amd_gpu_memory_used_percent", "0"] == [25]
    assert found["amd_gpu_temperature", "0"] == [83]
    assert found["amd_gpu_temperature_memory", "0"] == [66]
    assert ("amd_gpu_temperature_memory", "1") not in found, "N/A"
    assert found["amd_gpu_power_draw",] == [711, 140]


def test_amds_errors_are_counted_as_they_are_added():
    clock = FakeClock()
    gpus = amd(
        clock, iter([text("amd_smi"), text("amd_smi").replace('uncorrectable_count": 3', 'uncorrectable_count": 5')])
    )
    first = by_device(gpus)
    with pytest.raises(NoData):
        by_device(gpus)
    clock.advance(60)

    second = by_device(gpus)

    assert ("amd_gpu_ecc_uncorrected", "0") not in first
    assert second["amd_gpu_ecc_uncorrected", "0"] == [2]
    assert second["amd_gpu_ecc_corrected",] == [0, 0]


def test_an_older_amd_smi_writes_numbers_alone_under_other_names():
    [reading] = parse(text("amd_smi_old"))
    found = {metric.name: value for metric, value in reading.gauges}

    assert found["amd_gpu_utilization"] == 55
    assert found["amd_gpu_utilization_memory"] == 7
    assert found["amd_gpu_temperature"] == 44
    assert found["amd_gpu_power_draw"] == 301
    assert found["amd_gpu_memory_used_percent"] == 10
    assert reading.counters == ()


def test_rocm_smis_cards_go_by_their_numbers():
    first, second = parse(text("rocm_smi"))
    found = {metric.name: value for metric, value in first.gauges}

    assert (first.index, second.index) == (0, 10)
    assert found["amd_gpu_utilization"] == 88
    assert found["amd_gpu_temperature"] == 41, "the junction's, which limits"
    assert found["amd_gpu_power_draw"] == 92
    assert found["amd_gpu_memory_used_percent"] == 50
    assert "amd_gpu_utilization_memory" not in found, "N/A"


@pytest.mark.parametrize("said", ["", "ERROR: no driver", "{}", '"ROCk module is NOT loaded"', '{"gpu_data": 5}'])
def test_what_is_neither_programs_answer_is_refused(said):
    with pytest.raises(ValueError, match="amd-smi"):
        parse(said)


def test_neurons_report_is_of_all_its_processes():
    reports = Reports()
    neuron = Neuron(context(), reports)
    reports.put(text("neuron_monitor").encode())

    found = by_device(neuron)

    assert found["neuroncore_utilization", "0"] == [91.5]
    assert found["neuroncore_utilization",] == [91.5, 100, 0]
    assert found["neuron_memory_used",] == [17179869184 + 1024]
    assert found["neuron_host_memory_used",] == [610705408 + 4096]
    assert found["neuron_executions",] == [123]
    assert found["neuron_execution_errors",] == [3]
    assert found["neuron_hardware_errors",] == [2]
    assert found["neuron_execution_latency_p50",] == [25]
    assert found["neuron_execution_latency_p99",] == [500]
    assert found["neuron_devices",] == [2]
    with pytest.raises(NoData):
        by_device(neuron)


def test_neurons_ecc_errors_are_counted_as_they_are_added():
    reports, before = Reports(), json.loads(text("neuron_monitor"))
    neuron = Neuron(context(), reports)
    reports.put(json.dumps(before).encode())
    by_device(neuron)
    before["system_data"]["neuron_hw_counters"]["neuron_devices"][1]["mem_ecc_uncorrected"] = 3
    reports.put(json.dumps(before).encode())

    found = by_device(neuron)

    assert found["neuron_ecc_uncorrected", "1"] == [3]
    assert found["neuron_ecc_uncorrected", "0"] == [0]
    assert found["neuron_ecc_uncorrected",] == [3]
    assert found["neuron_ecc_corrected",] == [0]


@pytest.mark.parametrize("report", ["{}", '{"neuron_runtime_data": null, "system_data": {"neuron_hw_counters": null}}'])
def test_a_host_whose_devices_nobody_uses_is_silent(report):
    reports = Reports()
    reports.put(report.encode())

    assert by_device(Neuron(context(), reports)) == {}


def test_the_monitor_ends_with_its_collector(tmp_path):
    program = tmp_path / "neuron-monitor"
    program.write_text(f"#!{sys.executable}\nimport time\nprint('{{}}', flush=True)\ntime.sleep(600)\n")
    program.chmod(0o755)
    monitor = Monitor(str(program), Every(60, lambda: 0.0))
    monitor.take()
    pause = threading.Event()
    while not monitor.take():
        pause.wait(0.01)

    Neuron(context(), monitor).close()

    for thread in threading.enumerate():
        if thread.name == "neuron-monitor":
            thread.join(20)
            assert not thread.is_alive()


def test_the_monitor_is_run_as_a_program_and_its_last_line_taken(tmp_path):
    program = tmp_path / "neuron-monitor"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nassert open(sys.argv[2]).read()\nprint('{{}}')\nprint('[1]')\n"
    )
    program.chmod(0o755)
    monitor = Monitor(str(program), Every(60, lambda: 0.0))

    assert monitor.take() == b""
    for thread in threading.enumerate():
        if thread.name == "neuron-monitor":
            thread.join(20)

    assert monitor.take() == b"[1]\n"
    assert monitor.take() == b"", "it ended, and is not started again at once"


def test_a_program_is_found_on_the_path_before_its_own_folder_and_only_if_it_can_run(tmp_path, monkeypatch):
    for name in ("path/smi", "own/smi", "own/alone", "path/plain"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch(0o644 if name == "path/plain" else 0o755)
    (tmp_path / "path/folder").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    own = str(tmp_path / "own")

    assert programs.find("smi", own) == str(tmp_path / "path/smi")
    assert programs.find("alone", own) == str(tmp_path / "own/alone")
    assert [programs.find(name, own) for name in ("plain", "folder", "none")] == ["", "", ""]
