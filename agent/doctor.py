"""`mlwarden-agent doctor`: what would keep the agent from its work here, and what helps. Sends no datum."""

import errno
import fcntl
import os
import socket
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

from agent import doctor_sinks, job
from agent.clock import Clock, ClockError
from agent.collectors.registry import COLLECTORS
from agent.config import Config, ConfigError, Page
from agent.connection import Connection, ConnectionFailed
from agent.findings import Finding, Mark, show
from agent.inputs.exposition import PageError, parse
from agent.inputs.scrape import path_of, wanted
from agent.sample import Collector, NoData
from agent.store import RESERVED_BYTES, RESERVED_SHARE

PAGE_SECONDS = 5.0
DRIVER_VERSION = Path("driver/nvidia/version")
"""Under /proc, where NVIDIA's kernel module is loaded."""
DRIVER_DEVICE = Path("/dev/nvidiactl")


def main(read: Callable[[], Config], *, from_parameter: bool = False) -> int:
    """Print what is found; 1 where something is wrong."""
    found: list[Finding] = []

    def kept() -> Iterator[Finding]:
        for finding in examine(read, os.environ, from_parameter=from_parameter):
            found.append(finding)
            yield finding

    for line in show(kept()):
        print(line, flush=True)
    wrong = sum(finding.mark is Mark.WRONG for finding in found)
    print(f"{wrong} of {len(found)} wrong" if wrong else "nothing is wrong")
    return 1 if wrong else 0


def examine(
    read: Callable[[], Config], environment: Mapping[str, str], *, from_parameter: bool = False
) -> Iterator[Finding]:
    """Everything, in the order in which one thing needs the other."""
    try:
        config = read()
    except ConfigError as error:
        fix = "allow ssm:GetParameter on the parameter, or give a file" if from_parameter else "see agent/README.md"
        yield Finding("configuration", Mark.WRONG, str(error), fix)
        return
    yield Finding("configuration", Mark.GOOD, f"valid; collectors {', '.join(config.collectors)}")
    try:
        clock = job.clock_of(config)
    except ClockError as error:
        yield Finding("clock", Mark.WRONG, str(error), "start the embedded AWS, or leave clock_url out")
        return
    me = job.identity_of(config, environment)
    known = (*me.dimensions, *((("region", me.region),) if me.region else ()))
    yield Finding("identity", Mark.GOOD, " ".join(map("=".join, known)))
    running = False
    if {"cloudwatch", "otlp", "mlflow"} & set(config.sinks) or config.emf_file:
        running = yield from state(job.state_folder(config, environment))
    yield from collectors(config, clock)
    yield from driver(Path(config.proc_root) / DRIVER_VERSION, DRIVER_DEVICE, config)
    if not running:
        yield from ports(config)
    for page in config.scrape:
        yield scraped(page)
    yield from doctor_sinks.examine(config, me, clock, environment)
    job.close_clock(clock)


def state(folder: Path) -> Generator[Finding, None, bool]:
    """The folder where windows wait; returns whether a running agent has it."""
    thing = "state folder"
    try:
        there = next(path for path in (folder, *folder.parents) if path.exists())
    except PermissionError:  # the unit's, under a folder that is root's alone
        yield Finding(thing, Mark.WRONG, f"{folder} may not be looked into", "run as root or as the agent's user")
        return False
    if not os.access(there, os.W_OK | os.X_OK):
        fix = f"run as a user who may write to {there}, or set state_dir"
        yield Finding(thing, Mark.WRONG, f"{folder}: {there} cannot be written to", fix)
        return False
    disk = os.statvfs(there)
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if free < min(RESERVED_BYTES, size // RESERVED_SHARE):
        fix = "free some, or set state_dir to another disk"
        yield Finding(thing, Mark.WARNING, f"{folder}: {free >> 20} MiB are free: the spool will not grow", fix)
    else:
        yield Finding(thing, Mark.GOOD, f"{folder}: {free >> 20} MiB are free")
    other = holder(folder / "lock")
    if other:
        yield Finding("running agent", Mark.GOOD, f"process {other} has {folder}")
    return bool(other)


def holder(lock: Path) -> str:
    """The process that holds the state folder; empty where none does."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
    else:
        return ""
    finally:
        os.close(descriptor)


def collectors(config: Config, clock: Clock) -> Iterator[Finding]:
    """Every collector, looked through twice."""
    context = job.context_of(config, clock)
    made: dict[str, Collector] = {}
    for name in config.collectors:
        try:
            made[name] = COLLECTORS[name](context)
        except ValueError as error:
            yield Finding(f"collector {name}", Mark.WRONG, str(error), f"set what is missing, or leave {name} out")
    first = {name: values(collector) for name, collector in made.items()}
    time.sleep(job.ONCE_SECONDS)
    for name, collector in made.items():
        thing = f"collector {name}"
        # What is counted has no values at the first look; what is looked at now and then has none at the second.
        found = values(collector) or first[name]
        if isinstance(found, str):
            yield Finding(thing, Mark.WRONG, found, f"mend it, or leave {name} out of collectors")
        elif found:
            yield Finding(thing, Mark.GOOD, f"{found} values")
        else:
            yield Finding(thing, Mark.ABSENT, "nothing of the kind here")


def values(collector: Collector) -> int | str:
    """How many values a look gives, or why it failed."""
    try:
        return sum(1 for _ in collector.collect())
    except NoData:
        return 0
    except Exception as error:  # noqa: BLE001  whatever a collector meets is what is looked for
        return f"{type(error).__name__}: {error}"


def driver(version: Path, device: Path, config: Config) -> Iterator[Finding]:
    """NVIDIA's driver, where its kernel module is loaded."""
    thing = "NVIDIA driver"
    if config.gpu != "auto" or "gpu" not in config.collectors:
        return
    if not version.exists():
        yield Finding(thing, Mark.ABSENT, "no kernel module is loaded")
        return
    said = version.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    if not device.exists():
        fix = "in a container: NVIDIA_VISIBLE_DEVICES=all and NVIDIA's runtime; else nvidia-smi once as root"
        yield Finding(thing, Mark.WRONG, f"{said}; {device} is not there", fix)
    elif not os.access(device, os.R_OK | os.W_OK):
        fix = f"add the agent to the group of {device} (SupplementaryGroups=), or DeviceAllow=char-nvidia* rw"
        yield Finding(thing, Mark.WRONG, f"{said}; {device} cannot be opened", fix)
    elif not _library():
        fix = "install the driver's libraries; in a container NVIDIA_DRIVER_CAPABILITIES=utility"
        yield Finding(thing, Mark.WRONG, f"{said}; libnvidia-ml.so.1 is not found", fix)
    else:
        yield Finding(thing, Mark.GOOD, said)


def _library() -> bool:
    import ctypes

    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def ports(config: Config) -> Iterator[Finding]:
    """The ports that the configuration asks for, on the loopback alone."""
    wanted_ports = [
        ("statsd_port", config.statsd_port, socket.SOCK_DGRAM),
        ("otlp_port", config.otlp_port, socket.SOCK_STREAM),
        ("health_port", config.health_port, socket.SOCK_STREAM),
    ]
    if "prometheus" in config.sinks:
        wanted_ports.append(("prometheus_port", config.prometheus_port, socket.SOCK_STREAM))
    for key, port, kind in wanted_ports:
        if not port:
            continue
        with socket.socket(socket.AF_INET, kind) as one:
            if kind is socket.SOCK_STREAM:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError as error:
                fix = "another program has it: choose another port" if error.errno == errno.EADDRINUSE else ""
                yield Finding(key, Mark.WRONG, f"{port}: {error.strerror}", fix)
            else:
                yield Finding(key, Mark.GOOD, f"127.0.0.1:{port} is free")


def scraped(page: Page) -> Finding:
    """A Prometheus page, read once."""
    thing = "scrape"
    connection = Connection(page.url)
    try:
        response = connection.request("GET", path_of(page.url), headers={}, body=None, timeout_seconds=PAGE_SECONDS)
        if response.status != 200:
            raise PageError(f"status {response.status}")
        found = {
            series.family for series in parse(response.body.decode("utf-8", "replace"), wanted=wanted(page.metrics))
        }
    except (ConnectionFailed, PageError) as error:
        return Finding(thing, Mark.WRONG, f"{page.url}: {error}", "start what serves it, or mend url")
    finally:
        connection.close()
    if not found:
        return Finding(thing, Mark.WARNING, f"{page.url}: no metric is like {', '.join(page.metrics)}", "mend metrics")
    return Finding(thing, Mark.GOOD, f"{page.url}: {len(found)} metrics")
