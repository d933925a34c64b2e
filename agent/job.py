"""One configuration at work: everything that it asks for, made, run and let go of again."""

import logging
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

from agent import __version__, identity
from agent.aggregate import Aggregate
from agent.clock import Bell, Clock, SystemClock
from agent.collectors.gpu import Gpu
from agent.collectors.registry import COLLECTORS, SECONDS
from agent.config import Config, ConfigError
from agent.context import Context
from agent.delivery import Delivery
from agent.health import Health
from agent.inputs import registry as input_registry
from agent.loop import Loop
from agent.sample import Closing, Collector, Dimensions, Sample, Window
from agent.selection import Selection
from agent.sinks import registry
from agent.store import Occupied, Store
from core.catalogue.tiers import Tier

log = logging.getLogger("agent")

FLUSH_SECONDS = 3.0
"""How long the last attempt may take once the agent is told to stop."""
LAST_REQUEST_SECONDS = 15.0
"""How long a request may be on its way before another configuration takes over."""
STATE_FOLDER = "/var/lib/mlwarden-agent"
SUPPRESSED_SECONDS = 30.0
"""Between looks at how many series the limit keeps out."""
ONCE_SECONDS = 1.0
"""How long `once` looks: what is counted needs two looks."""


def clock_of(config: Config) -> Clock:
    """The configuration's clock. Raises ClockError where it does not answer."""
    if not config.clock_url:
        return SystemClock()
    from agent.embedded_clock import EmbeddedClock  # with an HTTP client, which the first sample does not wait for

    return EmbeddedClock(config.clock_url)


def close_clock(clock: Clock) -> None:
    """Let go of a clock that is asked over a connection."""
    if isinstance(clock, Closing):
        clock.close()


def identity_of(config: Config, environment: Mapping[str, str]) -> identity.Identity:
    """Who this host is, to this configuration."""
    return identity.find(
        instance_id=config.instance_id,
        host=config.host,
        region=config.region,
        sys_root=Path(config.sys_root),
        environment=environment,
    )


def context_of(config: Config, clock: Clock) -> Context:
    """What the collectors are told."""
    return Context(
        proc_root=Path(config.proc_root),
        sys_root=Path(config.sys_root),
        disk_paths=config.disk_paths,
        gpu=config.gpu,
        monotonic=clock.monotonic,
        now=clock.now,
        full=config.tier == "full",
        files=config.files,
        gpus=config.gpus,
        kubernetes=config.kubernetes,
        kubelet_url=config.kubelet_url,
        kubelet_ca=config.kubelet_ca,
        disk_root=config.disk_root,
        kubelet_root=Path(config.kubelet_root),
    )


def loop_of(
    config: Config,
    clock: Clock,
    dimensions: Dimensions,
    *,
    hand_on: Callable[[Window], None],
    heard: Mapping[str, Collector] = MappingProxyType({}),
    observers: Sequence[Callable[[Sample], None]] = (),
    round_taken: Callable[[], None] = lambda: None,
    made: ExitStack | None = None,
) -> Loop:
    """The configuration's collectors, the inputs that are `heard`, and what becomes of their samples.

    What the collectors hold is let go of with `made`.
    """
    context = context_of(config, clock)
    selection = Selection(Tier(config.tier), most=config.most_series, monotonic=clock.monotonic)
    try:
        collectors = {name: make(context) for name, make in COLLECTORS.items() if name in config.collectors}
    except ValueError as error:
        raise ConfigError(str(error)) from None
    for collector in collectors.values():
        if made is not None and isinstance(collector, Closing):
            made.callback(collector.close)
    every = {**SECONDS, "selection": SUPPRESSED_SECONDS}
    return Loop(
        {**collectors, **heard, "selection": selection},
        aggregate=Aggregate(dimensions, high_resolution=config.high_resolution),
        clock=clock,
        timer=time.perf_counter,
        sample_every=timedelta(seconds=config.sample_seconds),
        window_length=timedelta(seconds=config.publish_seconds),
        hand_on=hand_on,
        observers=observers,
        admits=selection.admits,
        round_taken=round_taken,
        pressing={name: collector for name, collector in collectors.items() if isinstance(collector, Gpu)},
        every={name: min(seconds, config.publish_seconds) for name, seconds in every.items()},
    )


def look(loop: Loop, clock: Clock) -> None:
    """Two rounds, because what is counted needs two, and the window that they make."""
    now = clock.now()
    loop.round(now)
    time.sleep(ONCE_SECONDS)
    loop.round(now)
    loop.close()


def state_folder(config: Config, environment: Mapping[str, str]) -> Path:
    """Where windows wait: configured, else systemd's, else the usual place."""
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(config.state_dir or given or STATE_FOLDER)


class Job:
    """Made whole or not at all; `run` or `once`, then `close`."""

    def __init__(
        self,
        config: Config,
        *,
        environment: Mapping[str, str] = os.environ,
        in_memory: bool = False,
        round_taken: Callable[[], None] = lambda: None,
    ) -> None:
        """`in_memory` leaves the state folder alone. Raises ConfigError or ClockError."""
        self._config = config
        self._me = identity_of(config, environment)
        self._folder = None if in_memory else state_folder(config, environment)
        self._clock = clock = clock_of(config)
        with ExitStack() as made:
            made.callback(close_clock, clock)
            self._delivery = self._deliver(environment, made)
            heard = input_registry.make(config, monotonic=time.monotonic)
            made.callback(input_registry.close, heard)
            health = self._watch(made)

            def taken() -> None:
                if self._delivery.at_work:  # else whoever watches must not be told that all is well
                    health.beat()
                    round_taken()

            self._loop = loop_of(
                config,
                clock,
                self._me.dimensions,
                heard=heard,
                hand_on=self._delivery.offer,
                observers=[sink.observe for sink in self._sinks.live if sink.name == "prometheus"],
                round_taken=taken,
                made=made,
            )
            self._made = made.pop_all()

    def _deliver(self, environment: Mapping[str, str], made: ExitStack) -> Delivery:
        config, clock = self._config, self._clock
        self._sinks = registry.make(
            config,
            region=self._me.region,
            identity=self._me.dimensions,
            environment=environment,
            now=clock.now,
            monotonic=clock.monotonic,
        )
        for durable in self._sinks.durable:
            made.callback(durable.close)
        for live in self._sinks.live:
            made.callback(live.close)
        try:
            self._store = Store(
                self._folder if self._sinks.durable else None,
                sinks=[sink.name for sink in self._sinks.durable],
                limit_bytes=config.spool_megabytes * 1_000_000,
                clock=clock,
            )
        except Occupied as error:
            raise ConfigError(str(error)) from None
        made.callback(self._store.close)
        return Delivery(self._store, self._sinks.durable, live=self._sinks.live, clock=clock, chance=random.random)

    def _watch(self, made: ExitStack) -> Health:
        config = self._config
        try:
            health = Health(
                file=Path(config.health_file) if config.health_file else None,
                port=config.health_port,
                sample_seconds=config.sample_seconds,
                waiting=self._delivery.left,
                monotonic=time.monotonic,
            )
        except OSError as error:
            raise ConfigError(f"health_port: {config.health_port}: {error.strerror}") from None
        made.callback(health.close)
        return health

    def run(self, bell: Bell) -> None:
        """Until `bell` is ended: rounds, and what they give on its way; then once more what waits."""
        facts = {
            **dict(self._me.dimensions),
            "sinks": ",".join(self._config.sinks),
            "state_dir": self._folder,
            "version": __version__,
        }
        log.info("agent started", extra=facts)
        self._delivery.start()
        self._loop.run(bell)
        left = self._delivery.finish(within_seconds=FLUSH_SECONDS)
        log.info("agent stopped", extra={"windows_waiting": left, **self._store.counts()})

    def once(self) -> str:
        """Two looks, one window, one attempt: why it was not sent, empty where it was."""
        look(self._loop, self._clock)
        return "" if self._delivery.once() else self._delivery.reason

    def close(self) -> None:
        """Let go of ports, files and connections, once no request is on its way."""
        self._delivery.finish(within_seconds=LAST_REQUEST_SECONDS)
        self._made.close()
