"""`mlwarden-agent cost`: what this host's metrics would cost a month, before any is sent.

Prices are the list's of us-east-1 (aws.amazon.com/cloudwatch/pricing): other regions' differ by a few percent, and
an account's free tier and agreements are not known here.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from agent import job
from agent.clock import Clock
from agent.config import Config
from agent.sample import Datum, Window
from agent.sinks import Unfit, registry
from agent.sinks.cloudwatch import MAX_DATUMS
from agent.sinks.emf import lines
from agent.sinks.otlp import Otlp
from core.catalogue.tiers import Tier

METRIC_STEPS = ((10_000, 0.30), (240_000, 0.10), (750_000, 0.05), (float("inf"), 0.02))
"""How many metrics of an account cost how much each, in dollars a month."""
CALLS_PER_THOUSAND = 0.01
LOGS_PER_GIGABYTE = 0.50
OTLP_PER_GIGABYTE = 0.50
MONTH_SECONDS = 30 * 86_400
_RESOURCE_BYTES = 200
"""A request's bytes around its metrics."""


@dataclass(frozen=True, slots=True)
class Line:
    """One item of the bill: `dollars` a month, for all hosts."""

    item: str
    amount: str
    dollars: float


def metrics_price(metrics: int) -> float:
    """Dollars a month for so many metrics in one account and region, the first ones at the first step's price."""
    dollars = 0.0
    for step, price in METRIC_STEPS:
        taken = min(metrics, step)
        dollars += taken * price
        metrics -= int(taken)
        if metrics == 0:
            break
    return dollars


def main(config: Config, *, hosts: int) -> int:
    """Look at this host, and print the bill."""
    windows = {tier: look(msgspec.structs.replace(config, tier=tier.value)) for tier in Tier}
    for line in (*tiers(windows, hosts=hosts), *report(config, windows[Tier(config.tier)], hosts=hosts)):
        print(line)
    return 0


def tiers(windows: Mapping[Tier, Window], *, hosts: int) -> Iterator[str]:
    """What each tier would make of this host, charged by the metric."""
    for tier, window in windows.items():
        series = count_series(window.datums)
        yield f"tier {tier:<9} {series:>5} metrics a host {metrics_price(series * hosts):>12.2f} $/month"


def look(config: Config) -> Window:
    """The window of two looks at this host. Raises ClockError."""
    windows: list[Window] = []
    clock = job.clock_of(config)
    try:
        return _look(config, clock, windows)
    finally:
        job.close_clock(clock)


def _look(config: Config, clock: Clock, windows: list[Window]) -> Window:
    me = job.identity_of(config, os.environ)
    job.look(job.loop_of(config, clock, me.dimensions, hand_on=windows.append), clock)
    return replace(windows[-1], datums=tuple(datum for window in windows for datum in window.datums))


def report(config: Config, window: Window, *, hosts: int) -> Iterator[str]:
    """The bill as text."""
    series = count_series(window.datums)
    of_hosts = f"{hosts} host{'s' if hosts > 1 else ''}"
    yield (
        f"as configured: tier {config.tier}, {series} metrics a host, {of_hosts}, "
        f"a window each {config.publish_seconds} s"
    )
    total = 0.0
    for line in bill(config, window, hosts=hosts):
        total += line.dollars
        yield f"  {line.item:<24}{line.amount:>24}{line.dollars:>12.2f} $/month"
    yield f"  {'together':<48}{total:>12.2f} $/month"
    most = most_from_inputs(config)
    if most:
        yield (
            f"applications may add up to {most} metrics a host (input_series): "
            f"at most {metrics_price((series + most) * hosts) - metrics_price(series * hosts):.2f} $/month"
        )
    yield "list prices of us-east-1, 30 days of 24 hours, without the free tier; AWS charges metrics by the hour"


def count_series(datums: Sequence[Datum]) -> int:
    """Metrics as CloudWatch charges them: a name with its dimensions."""
    return len({(datum.metric.name, datum.dimensions) for datum in datums})


def most_from_inputs(config: Config) -> int:
    """How many metrics that are charged one by one applications may make, at most."""
    if not {"cloudwatch", "emf"} & set(config.sinks):
        return 0
    return config.input_series * sum(map(bool, (config.statsd_port, config.otlp_port, config.scrape)))


def bill(config: Config, window: Window, *, hosts: int) -> Iterator[Line]:
    """Each configured sink's items. The window of the look stands for a whole one."""
    windows = MONTH_SECONDS // config.publish_seconds * hosts
    whole = [_whole(datum, config) for datum in window.datums]
    series = count_series(window.datums) * hosts
    if {"cloudwatch", "emf"} & set(config.sinks):
        yield Line("custom metrics", f"{series}", metrics_price(series))
    if "cloudwatch" in config.sinks:
        calls = -(-len(whole) // MAX_DATUMS) * windows
        yield Line("PutMetricData", f"{calls} calls", calls / 1000 * CALLS_PER_THOUSAND)
    if "emf" in config.sinks:
        size = sum(len(line) for line in lines([(window.start, datum) for datum in whole], config.namespace))
        yield _volume("logs ingested (EMF)", size * windows, LOGS_PER_GIGABYTE)
    if "otlp" in config.sinks:
        yield _volume("OTLP ingested", _otlp_bytes(config, window, whole) * windows, OTLP_PER_GIGABYTE)


def _volume(item: str, size: float, price: float) -> Line:
    gigabytes = size / 1e9
    return Line(item, f"{gigabytes:.3f} GB", gigabytes * price)


def _otlp_bytes(config: Config, window: Window, datums: Sequence[Datum]) -> int:
    sinks = registry.make(
        msgspec.structs.replace(config, sinks=("otlp",), region=config.region or "us-east-1"),
        region=config.region or "us-east-1",
        identity=(),
        environment={},
        now=lambda: window.start,
        monotonic=lambda: 0.0,
    )
    [sink] = sinks.durable
    assert isinstance(sink, Otlp)  # noqa: S101  what was asked for
    size = _RESOURCE_BYTES
    for datum in datums:
        try:
            size += len(sink.item(window.start, window.length, datum).data)
        except Unfit:
            continue
    return size


def _whole(datum: Datum, config: Config) -> Datum:
    """The datum as a whole window would have it, with all the samples of one."""
    times = max(1, config.publish_seconds // config.sample_seconds // 2)
    counts = tuple(count * times for count in datum.counts)
    return msgspec.structs.replace(datum, counts=counts, count=datum.count * times, total=datum.total * times)
