import threading

import pynvml
import pytest

from agent.collectors.gpu import Gpu, on_bus
from agent.context import Owners
from agent.guarded import Stuck
from agent.nvml import Nvml
from agent.sample import NoData
from tests.agent.fake_nvml import GIB, LOST, NOT_SUPPORTED, FakeGpu, FakeNvml, let_go
from tests.agent.fakes import FakeClock, context


@pytest.fixture
def look(monkeypatch):
    """Makes a fake driver under the real binding; its looks are by metric and the values of dimensions."""
    monkeypatch.setattr("agent.xids.WAIT_MILLISECONDS", 10)
    sources = []

    def load(*gpus, **changes):
        clock = FakeClock()
        fake = FakeNvml(*gpus)
        monkeypatch.setattr(pynvml, "nvmlLib", fake)
        pynvml._nvmlGetFunctionPointer_cache.clear()
        source = Nvml(monotonic=clock.monotonic, driver_present=lambda: True, restart=lambda: None)
        sources.append(source)
        collector = Gpu(context(monotonic=clock.monotonic, **changes), source)
        return fake, clock, Reader(collector)

    yield load
    for source in sources:
        let_go(source)
    pynvml._nvmlGetFunctionPointer_cache.clear()


class Reader:
    def __init__(self, collector):
        self.collector = collector

    def __call__(self):
        return by_name(self.collector.collect())


def by_name(samples):
    found: dict[tuple[str, ...], list[float]] = {}
    for sample in samples:
        key = (sample.metric.name, *(value for _, value in sample.dimensions))
        found.setdefault(key, []).append(sample.value)
    return found


def test_the_whole_table_is_read_of_a_gpu_that_has_it_all(look):
    fields = {82: 71, 186: 255_500, 230: 1, 94: 5, 197: 1000, 198: 2000, 138: 10, 139: 20, 38: 1, 45: 2, 52: 3, 59: 4}
    busy = {2: 95.0, 3: 40.0, 5: 60.0, 10: 30.0}
    fake, clock, read = look(FakeGpu(fields=fields, activity=busy, rows=(2, 1, 1, 0), state=2, processes=3, fabric=3))
    read()
    clock.advance(1)
    gpu = fake.gpus[0]
    gpu.fields = {**fields, 94: 7, 197: 1500, 198: 2600, 138: 14, 139: 21, 45: 5}
    gpu.millijoules += 250_000
    gpu.corrected = 4

    found = read()

    told = {key[0]: values for key, values in found.items() if key[1:] == ("0",)}
    assert told["gpu_memory_reserved"] == [GIB]
    assert told["gpu_temperature_memory"] == [71]
    assert told["gpu_temperature_margin"] == [27]
    assert told["gpu_power_limit"] == [700]
    assert told["gpu_power_instant"] == [255.5]
    assert told["gpu_energy"] == [250]
    assert told["gpu_recovery_action"] == [1]
    assert told["gpu_remapped_rows_corrected"] == [2]
    assert told["gpu_remapped_rows_uncorrected"] == [1]
    assert told["gpu_remap_pending"] == [1]
    assert told["gpu_remap_failed"] == [0]
    assert told["gpu_pcie_replays"] == [2]
    assert told["gpu_pcie_tx_bytes"] == [500]
    assert told["gpu_pcie_rx_bytes"] == [600]
    assert told["gpu_nvlink_tx_bytes"] == [4 * 1024]
    assert told["gpu_nvlink_rx_bytes"] == [1024]
    assert told["gpu_nvlink_errors"] == [3]
    assert told["gpu_ecc_corrected"] == [4]
    assert told["gpu_processes"] == [3]
    assert told["gpu_performance_state"] == [2]
    assert told["gpu_sm_active"] == [95]
    assert told["gpu_sm_occupancy"] == [40]
    assert told["gpu_tensor_active"] == [60]
    assert told["gpu_dram_active"] == [30]
    assert told["nvidia_smi_pcie_link_gen_current"] == [5]
    assert told["nvidia_smi_pcie_link_width_current"] == [16]
    assert told["gpu_encoder_utilization"] == [3]
    assert told["gpu_decoder_utilization"] == [4]
    assert told["gpu_jpeg_utilization"] == [5]
    assert told["gpu_ofa_utilization"] == [6]
    assert told["gpu_fabric_ready"] == [1]
    assert "gpu_retired_pages" not in told, "a GPU that remaps rows retires no pages"
    assert "nvmlDeviceGetPcieThroughput" not in fake.calls, "it blocks for 20 ms"


def test_throttling_is_a_share_of_the_looks(look):
    fake, _, read = look(FakeGpu(reasons=0x1))
    idle = read()
    fake.gpus[0].reasons = 0x2 | 0x4 | 0x40 | 0x100

    hot = read()

    reasons = ("power_cap", "hw_slowdown", "sw_thermal", "hw_thermal", "power_brake", "sync_boost")
    clocks = ("application_clocks", "display_clocks")
    assert [[0.0]] * 8 == [idle[f"gpu_throttle_{reason}", "0"] for reason in (*reasons, *clocks)]
    assert [[100.0], [0.0], [0.0], [100.0], [0.0], [0.0]] == [hot[f"gpu_throttle_{one}", "0"] for one in reasons]
    assert [[100.0], [100.0]] == [hot[f"gpu_throttle_{one}", "0"] for one in clocks]


def test_an_old_driver_tells_reasons_under_the_old_name(look, monkeypatch):
    monkeypatch.delattr(FakeNvml, "nvmlDeviceGetCurrentClocksEventReasons")
    _, _, read = look(FakeGpu(reasons=0x20))

    assert read()["gpu_throttle_sw_thermal",] == [100]


def test_fields_that_a_gpu_lacks_are_not_asked_for_again_and_cost_the_others_nothing(look, monkeypatch):
    asked = []
    genuine = FakeNvml.nvmlDeviceGetFieldValues

    def count(self, device, number, values):
        asked.append(number.value)
        return genuine(self, device, number, values)

    monkeypatch.setattr(FakeNvml, "nvmlDeviceGetFieldValues", count)
    _, _, read = look(FakeGpu(fields={94: 0}))

    read()
    found = read()

    assert asked == [11, 3, 1]
    assert found["gpu_pcie_replays", "0"] == [0]
    assert ("gpu_recovery_action", "0") not in found


def test_links_of_later_gpus_are_counted_in_bytes_and_never_twice(look):
    later = {202: 1000, 204: 2000}
    fake, _, read = look(FakeGpu(fields=later), FakeGpu(fields={**later, 138: 1, 139: 1}))
    read()
    fake.gpus[0].fields = {202: 1500, 204: 2007}
    fake.gpus[1].fields = {202: 9000, 204: 9000, 138: 3, 139: 4}

    found = read()

    assert (found["gpu_nvlink_tx_bytes", "0"], found["gpu_nvlink_rx_bytes", "0"]) == ([500], [7])
    assert (found["gpu_nvlink_tx_bytes", "1"], found["gpu_nvlink_rx_bytes", "1"]) == ([2048], [3072])


def test_a_link_counter_that_fails_for_a_look_comes_back_without_a_leap(look):
    not_ready = 27
    before = {38: 100, 45: 5, 138: 10, 202: 1_000_000}
    fake, clock, read = look(FakeGpu(fields=dict(before)))
    read()
    clock.advance(10)
    fake.gpus[0].fields = {45: 7, 202: 2_000_000}
    fake.gpus[0].errors = {"field": not_ready}
    read()  # the second look at counters, which still tells all
    clock.advance(10)
    without = read()
    clock.advance(10)
    fake.gpus[0].fields, fake.gpus[0].errors = {38: 101, 45: 8, 138: 12, 202: 3_000_000}, {}
    found = read()

    assert not {("gpu_nvlink_errors", "0"), ("gpu_nvlink_tx_bytes", "0")} & without.keys()
    assert found["gpu_nvlink_errors", "0"] == [4], "since both were told"
    assert found["gpu_nvlink_tx_bytes", "0"] == [2 * 1024]


def test_memory_without_a_sensor_has_no_temperature(look):
    _, _, read = look(FakeGpu(fields={82: 0}))

    assert ("gpu_temperature_memory", "0") not in read()


def test_a_gpu_before_ampere_gives_up_pages_instead_of_rows(look):
    _, _, read = look(FakeGpu(errors={"nvmlDeviceGetRemappedRows": NOT_SUPPORTED}, pages=3))

    found = read()

    assert found["gpu_retired_pages", "0"] == [3]
    assert found["gpu_retired_pages_pending", "0"] == [1]
    assert ("gpu_remap_pending", "0") not in found


def test_a_gpu_without_its_place_in_the_fabric_is_told(look):
    _, _, read = look(FakeGpu(fabric=3), FakeGpu(fabric=2), FakeGpu(fabric=0))

    found = read()

    assert found["gpu_fabric_ready",] == [1, 0]
    assert ("gpu_fabric_ready", "2") not in found, "no NVSwitch"


@pytest.mark.parametrize("code", [2, 8, 10, 21, 27])
@pytest.mark.parametrize(
    "function", ["nvmlDeviceGetMarginTemperature", "nvmlDeviceGetPowerUsage", "nvmlDeviceGetFieldValues"]
)
def test_a_call_that_fails_in_its_own_way_costs_only_its_metric(look, function, code):
    fake, _, read = look(FakeGpu(errors={function: code}), FakeGpu())

    found = read()

    assert found["gpu_visible_count",] == [2]
    assert found["nvidia_smi_utilization_gpu", "0"] == [50]
    assert fake.opened == 1


def test_what_was_not_ready_is_asked_for_again(look):
    fake, _, read = look(FakeGpu(errors={"nvmlDeviceGetPowerUsage": 27}))
    first = read()
    fake.gpus[0].errors = {}

    assert ("nvidia_smi_power_draw", "0") not in first
    assert read()["nvidia_smi_power_draw", "0"] == [250]


@pytest.mark.parametrize(
    "symbol",
    sorted(
        name
        for name in vars(FakeNvml)
        if name.startswith("nvmlDeviceGet") and "Count" not in name and "Handle" not in name
    ),
)
def test_any_symbol_may_be_missing_from_the_library(look, monkeypatch, symbol):
    monkeypatch.delattr(FakeNvml, symbol)
    _, _, read = look(FakeGpu(fields={94: 0}, parts=[(1, GIB, 2 * GIB)], activity={2: 5.0}))
    read()

    found = read()

    assert found["gpu_visible_count",] == [1]
    assert len(found) > 20


def test_a_gpu_lost_between_calls_is_told_by_its_fields(look):
    fake, _, read = look(FakeGpu(fields={94: 0}), FakeGpu())
    read()
    fake.gpus[0].fields, fake.gpus[0].errors = {}, {"field": LOST}

    assert read()["gpu_lost", "0"] == [1]


def test_a_reloaded_driver_begins_its_counters_anew_without_a_fault(look):
    fake, _, read = look(FakeGpu(uncorrected=3, millijoules=9_000_000))
    read()
    fake.gpus[0].uncorrected, fake.gpus[0].millijoules = 1, 0

    found = read()

    assert ("gpu_ecc_uncorrected", "0") not in found
    assert ("gpu_energy", "0") not in found


def test_mig_memory_is_counted_once_for_each_gpu_instance(look):
    parts = [(1, 5 * GIB, 10 * GIB), (1, 5 * GIB, 10 * GIB), None, (2, 10 * GIB, 40 * GIB)]
    gpu = FakeGpu(parts=parts, activity={2: 40.0}, errors={"nvmlDeviceGetUtilizationRates": NOT_SUPPORTED})
    _, clock, read = look(gpu)
    read()
    clock.advance(15)

    found = read()

    assert found["gpu_mig_sm_active", "0", "1"] == [40]

    assert found["gpu_mig_memory_used_percent", "0", "1"] == [50]
    assert found["gpu_mig_memory_used_percent", "0", "2"] == [25]
    assert found["gpu_mig_devices", "0"] == [3]
    assert ("nvidia_smi_utilization_gpu", "0") not in found


def test_two_samples_of_activity_are_never_nearer_than_the_driver_compares(look):
    _, clock, read = look(FakeGpu(activity={2: 10.0}))
    read()
    clock.advance(0.05)
    too_near = read()
    clock.advance(0.06)
    found = read()

    assert ("gpu_sm_active", "0") not in too_near
    assert found["gpu_sm_active", "0"] == [10]
    assert ("gpu_tensor_active", "0") not in found, "this GPU does not count it"


def test_samples_of_activity_are_freed_with_their_gpu_and_their_instance(look):
    fake, clock, read = look(FakeGpu(activity={2: 1.0}, parts=[(1, GIB, 2 * GIB), (2, GIB, 2 * GIB)]), FakeGpu())
    for _ in range(2):
        read()
    whole, first, second = (0, 1), (2, 3), (4, 5)
    fake.gpus[0].parts = [(2, GIB, 2 * GIB)]
    clock.advance(60)
    read()
    of_instance = set(fake.gpm_freed)
    fake.gpus[0].errors = {"nvmlDeviceGetUtilizationRates": LOST}
    read()
    of_gpu = set(fake.gpm_freed) - of_instance

    assert of_instance == set(first)
    assert of_gpu == {*whole, *second}
    assert len(fake.gpm_freed) == len(set(fake.gpm_freed)), "none twice"


def test_a_gpu_that_answers_its_handle_alone_holds_no_samples(look):
    fake, clock, read = look(FakeGpu(activity={2: 1.0}, errors={"nvmlDeviceGetUtilizationRates": LOST}), FakeGpu())
    for _ in range(10):
        read()
        clock.advance(5)

    assert set(fake.gpm_freed) == set(range(len(fake.gpm)))


def test_samples_of_activity_are_freed_when_the_source_is_closed(look):
    fake, _, read = look(FakeGpu(activity={2: 1.0}))
    read()

    read.collector._source.close()

    assert set(fake.gpm_freed) == {0, 1}


def test_what_changes_slowly_is_asked_for_seldom(look):
    fake, clock, read = look(FakeGpu())

    for _ in range(16):
        read()
        clock.advance(1)

    assert fake.calls.count("nvmlDeviceGetRemappedRows") == 2
    assert fake.calls.count("nvmlDeviceGetPowerUsage") == 16


def test_a_hung_driver_shows_itself_and_the_faults_go_on(look, monkeypatch):
    monkeypatch.setattr(Nvml, "seconds", 0.01)
    fake, _, read = look(FakeGpu())
    fake.hang = release = threading.Event()
    samples = iter(read.collector.collect())

    hung = next(samples)
    with pytest.raises(Stuck):
        next(samples)

    assert (hung.metric.name, hung.value) == ("gpu_driver_hung", 1)
    release.set()


def test_gpus_that_the_bus_has_and_no_driver_answers_for_are_missing(look, tmp_path):
    for number, (vendor, kind) in enumerate((("0x10de", "0x030200"), ("0x10de", "0x040300"), ("0x1d0f", "0x030000"))):
        device = tmp_path / f"bus/pci/devices/0000:00:1{number}.0"
        device.mkdir(parents=True)
        (device / "vendor").write_text(f"{vendor}\n")
        (device / "class").write_text(f"{kind}\n")
    (tmp_path / "vfio-pci").mkdir()
    other = tmp_path / "bus/pci/devices/0000:00:20.0"
    other.mkdir()
    (other / "vendor").write_text("0x10de\n")
    (other / "class").write_text("0x030200\n")
    (other / "driver").symlink_to(tmp_path / "vfio-pci")
    fake, _, read = look(FakeGpu(), sys_root=tmp_path)
    fake.break_everything(999)

    found = read()

    assert on_bus(tmp_path, {}) == 1, "the last is a virtual machine's"
    assert on_bus(tmp_path, {"NVIDIA_VISIBLE_DEVICES": "all"}) == 1
    assert on_bus(tmp_path, {"NVIDIA_VISIBLE_DEVICES": "GPU-5a1b"}) == 0, "a container that was given some"
    assert {("gpu_visible_count",): [0], ("gpu_expected_count",): [1]} == found


def test_a_host_that_should_have_more_gpus_says_so(look):
    _, _, read = look(FakeGpu(), gpus=8)

    assert read()["gpu_expected_count",] == [8]


def test_no_gpu_anywhere_is_no_data(look, tmp_path):
    fake, _, read = look(FakeGpu(), sys_root=tmp_path)
    fake.break_everything(999)

    with pytest.raises(NoData):
        read()


def test_a_workload_that_has_gpus_shows_how_it_uses_them(look):
    owners = Owners()
    train, serve = ((("namespace", "ml"), ("workload", name)) for name in ("train", "serve"))
    owners.by_uuid = {"GPU-0": {train}, "GPU-1": {train, serve}}
    _, _, read = look(FakeGpu(utilization=90), FakeGpu(utilization=0), FakeGpu(), owners=owners)

    found = read()

    assert found["gpu_workload_utilization", "ml", "train"] == [90, 0]
    assert found["gpu_workload_memory_used_percent", "ml", "train"] == [25, 25]
    assert found["gpu_workload_utilization", "ml", "serve"] == [0], "a GPU that is sliced by time is both's"


def test_a_workload_that_has_a_part_of_a_gpu_shows_how_it_uses_that(look):
    owners = Owners()
    owners.by_uuid = {"MIG-1": {(("namespace", "ml"), ("workload", "serve"))}}
    gpu = FakeGpu(parts=[(1, GIB, 10 * GIB), (2, 5 * GIB, 10 * GIB)], activity={2: 40.0})
    _, clock, read = look(gpu, owners=owners)
    read()
    clock.advance(15)

    found = read()

    assert found["gpu_workload_memory_used_percent", "ml", "serve"] == [50]
    assert found["gpu_workload_utilization", "ml", "serve"] == [40]
