"""`mlwarden-agent run | check-config`, and `--once --sink stdout` to look at one window."""

import argparse
import logging
import os
import queue
import random
import signal
import sys
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec

from agent import __version__, aws, identity, logs, sources
from agent.aggregate import Aggregate
from agent.clock import Clock, ClockError, EmbeddedClock, SystemClock
from agent.collectors.registry import COLLECTORS
from agent.config import Config, ConfigError, load
from agent.context import Context
from agent.credentials import Provider
from agent.delivery import Delivery
from agent.loop import Loop
from agent.sample import Window
from agent.sinks import Outcome, Sink
from agent.sinks.cloudwatch import CloudWatch
from agent.sinks.stdout import Stdout

log = logging.getLogger("agent")

FLUSH_SECONDS = 3.0
"""How long the last attempt may take once the agent is told to stop."""
ONCE_SECONDS = 1.0
"""How long `--once` looks: what is counted needs two looks."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status: 0, 1 for what could not be sent (`--once`), 2 for what could not start."""
    options = parse(sys.argv[1:] if arguments is None else arguments)
    logs.start(logging.WARNING if options.once else logging.INFO)
    try:
        config = configure(options)
        if options.command == "check-config":
            print(describe(config))
            return 0
        return run(config, once=options.once)
    except (ConfigError, ClockError) as error:
        for problem in str(error).splitlines():
            print(f"mlwarden-agent: {problem}", file=sys.stderr)
        return 2


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; `run` is what is meant where no command is named."""
    parser = argparse.ArgumentParser(prog="mlwarden-agent", description=__doc__)
    parser.add_argument("--version", action="version", version=f"mlwarden-agent {__version__}")
    parser.add_argument("command", nargs="?", choices=["run", "check-config"], default="run")
    parser.add_argument(
        "--config",
        default="",
        metavar="SOURCE",
        help="a TOML or JSON file, or ssm:/name/of/parameter "
        f"(default: ${sources.ENVIRONMENT_VARIABLE}, then {sources.DEFAULT_FILE}, then defaults)",
    )
    parser.add_argument("--sink", choices=["cloudwatch", "stdout"], help="instead of the configuration's")
    parser.add_argument("--once", action="store_true", help="send one short window and exit")
    return parser.parse_args(arguments)


def configure(options: argparse.Namespace) -> Config:
    """The configuration that the command line and the environment name."""
    clock = SystemClock()
    text = sources.read(options.config, environment=os.environ, region=_region, now=clock.now)
    config = load(text)
    return msgspec.structs.replace(config, sink=options.sink) if options.sink else config


def describe(config: Config) -> str:
    """A valid configuration in two lines."""
    return (
        f"configuration is valid: {', '.join(config.collectors)}\n"
        f"a sample each {config.sample_seconds} s, a window each {config.publish_seconds} s, "
        f"namespace {config.namespace}, sink {config.sink}"
    )


def run(config: Config, *, once: bool) -> int:
    """Run until told to stop, or take one window. Raises ConfigError or ClockError where it cannot start."""
    clock: Clock = EmbeddedClock(config.clock_url) if config.clock_url else SystemClock()
    me = identity.find(
        instance_id=config.instance_id,
        host=config.host,
        region=config.region,
        sys_root=Path(config.sys_root),
        environment=os.environ,
    )
    sink = make_sink(config, region=me.region, clock=clock)
    context = Context(
        proc_root=Path(config.proc_root),
        sys_root=Path(config.sys_root),
        disk_paths=config.disk_paths,
        gpu=config.gpu,
        monotonic=clock.monotonic,
    )
    delivery = Delivery(sink, clock=clock, chance=random.random)
    windows: list[Window] = []
    loop = Loop(
        {name: COLLECTORS[name](context) for name in config.collectors},
        aggregate=Aggregate(me.dimensions),
        clock=clock,
        timer=time.perf_counter,
        sample_every=timedelta(seconds=config.sample_seconds),
        window_length=timedelta(seconds=config.publish_seconds),
        hand_on=windows.append if once else delivery.offer,
    )
    if once:
        return run_once(loop, clock, sink, windows)
    stop = stop_on_signals()
    log.info("agent started", extra={**dict(me.dimensions), "sink": config.sink, "version": __version__})
    delivery.start()
    loop.run(stop)
    left = delivery.finish(within_seconds=FLUSH_SECONDS)
    log.info("agent stopped", extra={"windows_not_sent": left, "windows_lost": delivery.lost})
    return 0


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set, through a thread: a handler that set it could meet the lock held."""
    stop = threading.Event()
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()

    def wait() -> None:
        signals.get()
        stop.set()

    threading.Thread(target=wait, name="signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: signals.put(received))
    return stop


def run_once(loop: Loop, clock: Clock, sink: Sink, windows: list[Window]) -> int:
    """Two looks, one window, one attempt."""
    now = clock.now()
    loop.round(now)
    time.sleep(ONCE_SECONDS)
    loop.round(now)
    loop.close()
    outcome = Outcome()
    for window in windows:
        outcome = sink.send(window, timeout_seconds=FLUSH_SECONDS)
    sink.close()
    if outcome.rest or outcome.rejected:
        print(f"mlwarden-agent: not sent: {outcome.reason}", file=sys.stderr)
        return 1
    return 0


def make_sink(config: Config, *, region: str, clock: Clock) -> Sink:
    """The sink that the configuration names. Raises ConfigError where something it needs is not known."""
    if config.sink == "stdout":
        return Stdout()
    if not region:
        raise ConfigError('region: not known; set it, or AWS_REGION (or sink = "stdout")')
    url = aws.endpoint(
        "monitoring",
        name="CLOUDWATCH",
        region=region,
        configured=config.endpoint_url,
        environment=os.environ,
    )
    try:
        service = aws.Service(
            url,
            name="monitoring",
            region=region,
            protocol="1.0",
            target="GraniteServiceVersion20100801",
            provider=Provider(environment=os.environ),
            now=clock.now,
        )
    except ValueError as error:
        raise ConfigError(f"endpoint_url: {error}") from None
    return CloudWatch(service, namespace=config.namespace)


def _region() -> str:
    return identity.find(instance_id="", host="unused", region="", sys_root=Path("/sys"), environment=os.environ).region


if __name__ == "__main__":
    raise SystemExit(main())
