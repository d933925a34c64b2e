import os
import threading

import pytest

from agent.collectors.counters import Deltas
from agent.collectors.cpu import Cpu, CpuTimes, parse_stat, shares
from agent.collectors.disk import Disk, parse_statvfs
from agent.collectors.diskio import DiskIO, parse_diskstats
from agent.collectors.load import Load
from agent.collectors.memory import Memory
from agent.collectors.network import Network, parse_net_dev
from agent.collectors.swap import Swap
from agent.guarded import Guarded, Stuck
from agent.proc import ProcFile
from agent.sample import NoData, Sample
from tests.agent.fakes import TESTDATA, FakeClock, context


def values(collector):
    return {sample.metric.name: sample.value for sample in collector.collect()}


def two_looks(make, tmp_path):
    """The collector's values between the first and the second captured tree."""
    for tree in ("first", "second"):
        for file in sorted((TESTDATA / "host" / tree).rglob("*")):
            target = tmp_path / tree / file.relative_to(TESTDATA / "host" / tree)
            if file.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
    collector = make(context(proc_root=tmp_path / "first/proc", sys_root=tmp_path / "first/sys"))
    with pytest.raises(NoData):
        list(collector.collect())
    for file in (tmp_path / "second/proc").rglob("*"):
        if file.is_file():  # in place: the collector keeps its files open
            (tmp_path / "first/proc" / file.relative_to(tmp_path / "second/proc")).write_bytes(file.read_bytes())
    return values(collector)


def test_the_first_look_at_the_processor_says_nothing_and_the_second_the_share_between_them(tmp_path):
    found = two_looks(Cpu, tmp_path)

    assert 100 * 104 / 206 == pytest.approx(found["cpu_usage_active"])
    assert 100 * 102 / 206 == pytest.approx(found["cpu_usage_user"])
    assert 100 * 1 / 206 == pytest.approx(found["cpu_usage_system"])
    assert 100 * 102 / 103 == pytest.approx(found["cpu_usage_active_max_core"])


def times(**ticks):
    return CpuTimes(**{name: ticks.get(name, 0) for name in CpuTimes._fields})


def test_shares_of_a_standing_clock_are_unknown():
    assert shares(times(user=5, idle=5), times(user=5, idle=5)) is None


def test_a_share_is_never_below_zero_when_the_kernel_takes_iowait_back():
    found = shares(times(iowait=10, idle=100), times(iowait=8, idle=200))

    assert found is not None
    assert found["iowait"] == 0.0


def test_guests_do_not_count_as_user_time():
    found = shares(times(), times(user=60, guest=50, idle=40))

    assert found is not None
    assert 10.0 == pytest.approx(found["user"])
    assert 60.0 == pytest.approx(found["active"])


def test_an_old_kernel_without_guest_fields_is_read():
    folded, cores = parse_stat("cpu  1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\nctxt 5\n")

    assert folded.steal == 8
    assert folded.guest == 0
    assert (("cpu0", 36, 4),) == cores


def test_load_averages_are_read():
    assert {"system_load1": 0.27, "system_load5": 0.34, "system_load15": 0.28} == values(Load(context()))


def test_memory_that_could_be_given_to_a_new_program_is_not_used():
    found = values(Memory(context()))

    assert found["mem_total"] == 24684084 * 1024
    assert found["mem_available"] == 24180924 * 1024
    assert found["mem_used"] == (24684084 - 24180924) * 1024
    assert 100 * (24684084 - 24180924) / 24684084 == pytest.approx(found["mem_used_percent"])


def test_a_host_without_swap_has_no_swap_series():
    with pytest.raises(NoData):
        list(Swap(context()).collect())


def test_swap_is_read_where_there_is_some(tmp_path):
    (tmp_path / "meminfo").write_text("SwapTotal:  1000 kB\nSwapFree:  250 kB\n")

    assert {"swap_used_percent": 75.0, "swap_used": 750 * 1024, "swap_free": 250 * 1024} == values(
        Swap(context(proc_root=tmp_path))
    )


def test_disk_space_counts_what_an_ordinary_user_may_use():
    answer = os.statvfs_result((4096, 1024, 1000, 400, 300, 50, 40, 30, 0, 255))

    space = parse_statvfs(answer)

    assert space.total == 1000 * 1024
    assert space.used == 600 * 1024
    assert space.free == 300 * 1024
    assert 100 * 600 / 900 == pytest.approx(space.used_percent)
    assert space.inodes_free == 30


def test_a_missing_path_fails_the_collector_after_the_others_were_reported(tmp_path):
    disk = Disk(context(disk_paths=(str(tmp_path / "gone"), str(tmp_path))))
    seen: list[Sample] = []

    with pytest.raises(FileNotFoundError, match="gone"):
        collect_into(seen, disk)

    assert {(("path", str(tmp_path)),)} == {sample.dimensions for sample in seen}
    assert len(seen) == 6


def collect_into(seen, collector):
    for sample in collector.collect():
        seen.append(sample)


def test_a_container_measures_the_hosts_paths_under_their_own_names(monkeypatch):
    asked = []
    genuine = os.statvfs

    def statvfs(path):
        asked.append(path)
        return genuine("/")

    monkeypatch.setattr(os, "statvfs", statvfs)

    samples = list(Disk(context(disk_paths=("/", "/data"), disk_root="/host/root")).collect())

    assert ["/host/root/", "/host/root/data"] == asked
    assert {"/", "/data"} == {dict(sample.dimensions)["path"] for sample in samples}


def test_a_dead_network_mount_keeps_no_other_path_from_being_told(monkeypatch):
    monkeypatch.setattr("agent.collectors.disk.STATVFS_SECONDS", 0.01)
    release, genuine, clock = threading.Event(), os.statvfs, FakeClock()
    monkeypatch.setattr(os, "statvfs", lambda path: release.wait(20) if path == "/dead" else genuine(path))
    disk = Disk(context(disk_paths=("/dead", "/"), monotonic=clock.monotonic))
    samples = iter(disk.collect())

    told = [next(samples).dimensions for _ in range(6)]
    with pytest.raises(Stuck, match="/dead"):
        next(samples)
    clock.advance(15)
    with pytest.raises(Stuck, match="still not returned"):
        list(disk.collect())

    assert {(("path", "/"),)} == set(told)
    release.set()


def test_disk_traffic_is_what_was_added_on_whole_disks(tmp_path):
    found = two_looks(DiskIO, tmp_path)

    assert found["diskio_reads"] == 0
    assert found["diskio_writes"] == 120
    assert found["diskio_write_bytes"] == (10295008 - 10290552) * 512
    assert found["diskio_io_time"] == 4


def test_diskstats_lines_of_old_and_new_kernels_are_read():
    old = "   8       0 sda 10 0 20 1 30 0 40 2 0 50 3"
    new = old + " 0 0 0 0 0 0"

    assert parse_diskstats(old) == parse_diskstats(new) == {"sda": ((20 * 512, 40 * 512, 10, 30, 1, 2, 50), 0)}


def test_network_traffic_is_what_was_added_on_hardware_interfaces(tmp_path):
    found = two_looks(Network, tmp_path)

    assert {
        "net_bytes_recv": 60000,
        "net_bytes_sent": 1000,
        "net_packets_recv": 50,
        "net_packets_sent": 11,
        "net_err_in": 0,
        "net_err_out": 0,
        "net_drop_in": 1,
        "net_drop_out": 0,
    } == found


def test_a_container_counts_all_interfaces_but_the_loopback(tmp_path):
    (tmp_path / "net").mkdir()
    page = tmp_path / "net" / "dev"
    line = "{}: {} 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
    page.write_text("\n\n" + line.format("lo", 5) + line.format("eth0", 5))
    network = Network(context(proc_root=tmp_path, sys_root=tmp_path))
    with pytest.raises(NoData):
        list(network.collect())
    page.write_text("\n\n" + line.format("lo", 9) + line.format("eth0", 8))

    found = values(network)

    assert found["net_bytes_recv"] == 3


def test_interface_names_that_touch_their_first_figure_are_read():
    page = "\n\neth0:123 4 5 6 0 0 0 0 7 8 9 10 0 0 0 0\n"

    assert {"eth0": (123, 4, 5, 6, 7, 8, 9, 10)} == parse_net_dev(page)


def test_a_counter_that_went_back_leaves_its_device_out_once():
    deltas = Deltas()
    deltas.since({"a": (10, 1), "b": (5, 5)})

    reset = deltas.since({"a": (3, 2), "b": (6, 7)})
    after = deltas.since({"a": (4, 2), "b": (6, 7)})

    assert reset == (1, 2)
    assert after == (1, 0)


def test_a_device_that_appears_is_not_counted_from_its_boot():
    deltas = Deltas()
    deltas.since({"a": (10,)})

    assert deltas.since({"a": (11,), "b": (1_000_000,)}) == (1,)


def test_a_call_that_hangs_is_left_alone_and_not_started_twice():
    release, calls = threading.Event(), []

    def hang() -> int:
        calls.append(1)
        release.wait(20)
        return len(calls)

    guarded = Guarded("driver", hang, budget_seconds=0.01)

    with pytest.raises(Stuck, match=r"within 0\.01 s"):
        guarded.ask()
    with pytest.raises(Stuck, match="still not returned"):
        guarded.ask()
    assert len(calls) == 1
    release.set()
    while True:
        try:
            assert guarded.ask() == 2
            break
        except Stuck:
            continue


def test_a_kernel_file_is_read_anew_each_time_through_one_descriptor(tmp_path):
    path = tmp_path / "stat"
    path.write_text("x" * 100_000)
    file = ProcFile(path)

    first = file.read()
    path.write_text("y")

    assert len(first) == 100_000
    assert file.read() == "y"
    file.close()


def test_a_missing_kernel_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="loadavg"):
        list(Load(context(proc_root=tmp_path)).collect())
