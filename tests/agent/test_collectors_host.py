import os
import struct
import threading
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from agent.collectors import allowances
from agent.collectors.allowances import Allowances
from agent.collectors.container import Container
from agent.collectors.files import Files, newest
from agent.collectors.pressure import Pressure, parse_pressure
from agent.collectors.processes import Processes, is_zombie
from agent.collectors.registry import COLLECTORS, SECONDS
from agent.collectors.tcp import Tcp, parse_snmp, parse_states
from agent.collectors.timekeeping import Timekeeping, Timex, interpret
from agent.every import Every
from agent.guarded import Stuck
from agent.sample import NoData
from tests.agent.fakes import NOON, FakeClock, context
from tests.agent.trees import group, nitro, page, volume, write


def values(collector):
    return {sample.metric.name: sample.value for sample in collector.collect()}


def by_device(collector):
    return {
        (sample.metric.name, *(value for _, value in sample.dimensions)): sample.value for sample in collector.collect()
    }


def test_pressure_is_the_kernels_mean_of_ten_seconds(tmp_path):
    both = "some avg10=1.50 avg60=2.00 avg300=3.00 total=99\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=9\n"
    write(tmp_path, {f"pressure/{name}": both for name in ("cpu", "memory", "io")})

    found = values(Pressure(context(proc_root=tmp_path)))

    assert {
        "pressure_cpu_some": 1.5,
        "pressure_memory_some": 1.5,
        "pressure_memory_full": 0.25,
        "pressure_io_some": 1.5,
        "pressure_io_full": 0.25,
    } == found


def test_a_kernel_that_does_not_measure_pressure_is_silent(tmp_path):
    with pytest.raises(NoData):
        list(Pressure(context(proc_root=tmp_path)).collect())
    assert parse_pressure("") == {}


SNMP = (
    "Ip: Forwarding\nIp: 1\n"
    "Tcp: RtoAlgorithm AttemptFails CurrEstab OutSegs RetransSegs\nTcp: 1 {} 7 {} {}\nUdp: In\nUdp: 1\n"
)
SOCKET = "  {}: 0100007F:0277 00000000:0000 {} 00000000:00000000 00:00000000 00000000 0 0 1 1 0 100 0 0 10 0\n"


def test_tcp_states_are_counted_once_a_minute_and_segments_each_look(tmp_path):
    sockets = "  sl  local_address rem_address   st\n" + "".join(
        SOCKET.format(n, state) for n, state in enumerate(("0A", "08", "08", "01"))
    )
    write(
        tmp_path,
        {
            "net/snmp": SNMP.format(2, 100, 1),
            "net/sockstat": "sockets: used 5\nTCP: inuse 4 orphan 0 tw 3 alloc 5 mem 1\nUDP: inuse 1 mem 0\n",
            "net/tcp": sockets,
            "net/tcp6": sockets,
        },
    )
    tcp = Tcp(context(proc_root=tmp_path, full=True))

    first = values(tcp)
    (tmp_path / "net/snmp").write_text(SNMP.format(3, 150, 6))
    second, third = values(tcp), values(tcp)

    assert first["netstat_tcp_established"] == 7
    assert first["netstat_tcp_time_wait"] == 3
    assert "netstat_tcp_listen" not in first, "the first look is to come soon"
    assert second["netstat_tcp_close_wait"] == 4
    assert second["netstat_tcp_listen"] == 2
    assert second["netstat_tcp_syn_sent"] == 0
    assert second["tcp_segments_sent"] == 50
    assert second["tcp_segments_retransmitted"] == 5
    assert second["tcp_connections_failed"] == 1
    assert "netstat_tcp_close_wait" not in third


def test_a_host_with_very_many_sockets_is_not_asked_for_each(tmp_path):
    write(
        tmp_path,
        {
            "net/snmp": SNMP.format(0, 0, 0),
            "net/sockstat": "TCP: inuse 4000 orphan 0 tw 2000 alloc 5 mem 1\n",
            "net/tcp": "sl\n",
        },
    )

    tcp = Tcp(context(proc_root=tmp_path, full=True))
    values(tcp)

    states = {name for name in values(tcp) if name.startswith("netstat_")}
    assert {"netstat_tcp_established", "netstat_tcp_time_wait"} == states
    with pytest.raises(ValueError, match="no Tcp lines"):
        parse_snmp("Udp: In\n")
    assert parse_states("header\n") == {}


def test_processes_and_open_files_are_counted(tmp_path):
    stat = (
        "cpu  1 1\ncpu0 1 1\nintr 5 0 0\nctxt 9\nbtime 1\nprocesses {}\nprocs_running 3\nprocs_blocked 1\nsoftirq 1 2\n"
    )
    write(
        tmp_path,
        {
            "stat": stat.format(100),
            "loadavg": "0.1 0.2 0.3 2/345 678\n",
            "sys/fs/file-nr": "1024\t0\t4096\n",
            "1/stat": "1 (init) S 0",
            "7/stat": "7 (evil) Z) Z 1",
            "8/stat": "8 (Z Z) R 1",
        },
    )
    processes = Processes(context(proc_root=tmp_path))
    first = values(processes)
    (tmp_path / "stat").write_text(stat.format(104))
    second = values(processes)

    assert first["processes_running"] == 3
    assert first["processes_blocked"] == 1
    assert first["processes_total_threads"] == 345
    assert second["processes_total"] == 3
    assert second["processes_zombies"] == 1
    assert first["file_descriptors_used_percent"] == 25
    assert second["processes_started"] == 4
    assert is_zombie(b"7 (x) Z 1")


def test_the_clocks_offset_is_in_microseconds_whatever_the_kernel_counts_in():
    nano = interpret(Timex(offset=-1500, maxerror=7, status=0x2001), 0)
    micro = interpret(Timex(offset=30, maxerror=16_000_000, status=0x0040), 5)

    assert (nano.offset, nano.error, nano.synchronised) == (-1.5, 7, True)
    assert (micro.offset, micro.synchronised) == (30, False)


def test_a_sandbox_without_a_clock_to_ask_is_silent():
    def refuse():
        raise PermissionError(1, "Operation not permitted")

    with pytest.raises(NoData):
        list(Timekeeping(context(), refuse).collect())


def test_the_age_of_a_file_and_of_the_newest_in_a_folder(tmp_path):
    for name, age in (("checkpoints/old", 500), ("checkpoints/new", 60), ("beat", 5)):
        write(tmp_path, {name: ""})
        os.utime(tmp_path / name, (0, NOON.timestamp() - age))
    (tmp_path / "empty").mkdir()
    paths = [str(tmp_path / name) for name in ("checkpoints", "beat", "gone", "empty")]

    found = by_device(Files(context(files=tuple(paths), now=lambda: NOON)))

    assert found == {
        ("file_missing", paths[0]): 0,
        ("file_age", paths[0]): 60,
        ("file_missing", paths[1]): 0,
        ("file_age", paths[1]): 5,
        ("file_missing", paths[2]): 1,
        ("file_missing", paths[3]): 1,
    }


def test_what_leads_nowhere_in_a_folder_is_not_looked_at(tmp_path):
    write(tmp_path, {"checkpoints/new": "", "odd/file": ""})
    os.utime(tmp_path / "checkpoints/new", (0, NOON.timestamp() - 60))
    for folder, target in (("checkpoints", "gone"), ("checkpoints", "new/beyond"), ("links", "gone")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"to-{target.replace('/', '-')}").symlink_to(target)
    paths = [str(tmp_path / name) for name in ("checkpoints", "links", "odd/file/below")]

    found = by_device(Files(context(files=tuple(paths), now=lambda: NOON)))

    assert found == {
        ("file_missing", paths[0]): 0,
        ("file_age", paths[0]): 60,
        ("file_missing", paths[1]): 1,
        ("file_missing", paths[2]): 1,
    }


def test_a_temporary_file_that_goes_between_two_calls_is_no_missing_folder(tmp_path, monkeypatch):
    write(tmp_path, {"model.tmp": "", "model": ""})
    os.utime(tmp_path / "model", (0, NOON.timestamp()))
    scandir = os.scandir

    @contextmanager
    def racing(path):
        with scandir(path) as found:
            entries = list(found)
        (tmp_path / "model.tmp").unlink()
        yield iter(entries)

    monkeypatch.setattr(os, "scandir", racing)

    assert newest(str(tmp_path)) == NOON.timestamp()


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), OSError(116, "Stale file handle")])
def test_what_may_not_be_looked_at_is_not_called_missing(error):
    def look(path):
        if path == "/secret":
            raise error
        return NOON.timestamp()

    samples = iter(Files(context(files=("/secret", "/beat"), now=lambda: NOON), look).collect())

    assert [next(samples).metric.name for _ in range(2)] == ["file_missing", "file_age"]
    with pytest.raises(type(error), match=error.strerror):
        next(samples)


def test_a_file_on_a_dead_server_keeps_the_others_from_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("agent.collectors.files.STAT_SECONDS", 0.01)
    write(tmp_path, {"beat": ""})
    release = threading.Event()

    def look(path):
        return newest(path) if "beat" in path else release.wait(20)

    samples = iter(Files(context(files=("/dead/nfs", str(tmp_path / "beat"))), look).collect())

    assert [next(samples).metric.name for _ in range(2)] == ["file_missing", "file_age"]
    with pytest.raises(Stuck, match="/dead/nfs"):
        next(samples)
    release.set()


def test_a_container_is_measured_against_its_limits(tmp_path):
    clock = FakeClock()
    container = Container(context(monotonic=clock.monotonic, **group(tmp_path)))
    first = values(container)
    clock.advance(10)
    group(
        tmp_path,
        **{
            "cpu.stat": "usage_usec 6000000\nnr_periods 110\nnr_throttled 26\nthrottled_usec 5\n",
            "memory.events": "oom_kill 1\n",
        },
    )

    found = values(container)

    assert first["container_memory_working_set"] == 500_000
    assert first["container_memory_used_percent"] == 50
    assert first["container_processes"] == 12
    assert found["container_cpu_used_percent"] == pytest.approx(25), "5 of 10 seconds, of 2 processors"
    assert found["container_cpu_throttled_percent"] == 25
    assert found["container_oom_kills"] == 1


@pytest.mark.parametrize("files", [{"memory.max": "max\n", "cpu.max": "max 100000\n"}])
def test_a_group_without_limits_is_no_container(tmp_path, files):
    with pytest.raises(NoData):
        list(Container(context(**group(tmp_path, **files))).collect())


def test_the_limits_of_the_agents_own_service_are_no_containers(tmp_path):
    own = "system.slice/mlwarden-agent.service"

    with pytest.raises(NoData):
        list(Container(context(**group(tmp_path, own))).collect())


def test_a_container_that_sees_the_hosts_groups_has_its_own(tmp_path):
    found = values(Container(context(**group(tmp_path, "system.slice/docker-0a1b.scope"))))

    assert found["container_memory_limit"] == 1_000_000


def test_a_host_with_the_old_groups_is_silent(tmp_path):
    roots = group(tmp_path)
    (tmp_path / "proc/self/cgroup").write_text("4:memory:/docker/x\n")

    with pytest.raises(NoData):
        list(Container(context(**roots)).collect())


def test_what_the_allowances_held_back_is_told_by_volume_and_folded(tmp_path):
    clock = FakeClock()
    network = iter([{"bw_in_allowance_exceeded": 5, "other": 9}, {"bw_in_allowance_exceeded": 8}])
    pages = iter([page(10, 0, 0, 0), page(60, 0, 7, 0, queue=4)])
    collector = Allowances(
        context(sys_root=nitro(tmp_path), monotonic=clock.monotonic), lambda _: next(network), lambda _: next(pages)
    )
    by_device(collector)
    clock.advance(15)

    found = by_device(collector)

    assert found["ethtool_bw_in_allowance_exceeded",] == 3
    assert found["ethtool_pps_allowance_exceeded",] == 0
    assert found["diskio_ebs_volume_performance_exceeded_iops", "vol-0abc"] == 50
    assert found["diskio_ebs_volume_performance_exceeded_iops",] == 50
    assert found["diskio_ebs_ec2_instance_performance_exceeded_iops", "vol-0abc"] == 7
    assert found["diskio_ebs_volume_queue_length", "vol-0abc"] == 4


def test_volumes_that_may_not_be_asked_stay_silent_and_are_not_asked_again(tmp_path):
    clock, asked = FakeClock(), []

    def refuse(device):
        asked.append(device)
        raise PermissionError(13, "Permission denied")

    collector = Allowances(
        context(sys_root=nitro(tmp_path), monotonic=clock.monotonic), lambda _: {"pps_allowance_exceeded": 1}, refuse
    )
    with pytest.raises(NoData):
        by_device(collector)
    clock.advance(15)

    assert "ethtool_pps_allowance_exceeded" in {name for name, *_ in by_device(collector)}
    assert len(asked) == 1


def told_before_it_failed(collector):
    found = {}
    try:
        for sample in collector.collect():
            found[sample.metric.name, *(value for _, value in sample.dimensions)] = sample.value
    except (OSError, ValueError) as failure:
        return found, failure
    raise AssertionError("it did not fail")


@pytest.mark.parametrize("error", [OSError(5, "the volume refused the command"), ValueError("another log page")])
def test_a_volume_that_fails_costs_neither_the_other_nor_the_networks_allowances(tmp_path, error):
    root, clock, network = nitro(tmp_path), FakeClock(), iter([5, 8])
    volume(root, "nvme1", "vol1def")

    def ask(device):
        if device.name == "nvme0":
            raise error
        return page(0, 0, 0, 0, queue=4)

    collector = Allowances(
        context(sys_root=root, monotonic=clock.monotonic), lambda _: {"bw_in_allowance_exceeded": next(network)}, ask
    )
    told_before_it_failed(collector)
    clock.advance(15)
    found, failure = told_before_it_failed(collector)

    assert str(error) in str(failure)
    assert found["ethtool_bw_in_allowance_exceeded",] == 3
    assert found["diskio_ebs_volume_queue_length", "vol-1def"] == 4


def test_what_a_log_page_reserves_is_no_part_of_what_it_begins_with():
    assert allowances.parse_page(page(1, 2, 3, 4, queue=5, reserved=7)) == (1, 2, 3, 4, 5)


def test_a_log_page_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="0x3c23b510"):
        allowances.parse_page(bytes(4096))


def test_a_drivers_statistics_are_read_by_name():
    names = b"rx_packets".ljust(32, b"\0") + b"bw_in_allowance_exceeded".ljust(32, b"\0")

    assert {"rx_packets": 7, "bw_in_allowance_exceeded": 1 << 40} == allowances.parse_statistics(
        names, struct.pack("=2Q", 7, 1 << 40)
    )


def test_every_is_due_at_first_and_then_at_its_pace():
    now = SimpleNamespace(seconds=5.0)
    every = Every(10, lambda: now.seconds)

    first, again = every.due(), every.due()
    now.seconds = 15.0

    assert (first, again, every.due()) == (True, False, True)


def test_what_needs_two_looks_to_begin_is_due_twice_at_first():
    every = Every(10, lambda: 5.0, first=2)

    assert [every.due() for _ in range(4)] == [True, True, False, False]


def test_only_collectors_that_there_are_look_less_often_than_each_round():
    assert set(SECONDS) < set(COLLECTORS)
    assert not set(SECONDS) & {"gpu", "cpu", "memory", "diskio", "network"}
