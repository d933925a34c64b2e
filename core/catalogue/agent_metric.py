"""How the catalogue files write down a metric that the agent sends: namespace CWAgent, one line a metric."""

from core.catalogue.metric import Display, Emitted, Metric

CLOUDWATCH_AGENT = (
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/metrics-collected-by-CloudWatch-agent.html"
)
CLOUDWATCH_AGENT_GPU = "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-NVIDIA-GPU.html"
CLOUDWATCH_AGENT_EBS = (
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-EBS-metrics.html"
)
CLOUDWATCH_AGENT_ETHTOOL = (
    "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-network-performance.html"
)
AGENT = "agent/"
"""The metric is the agent's own."""

OWN_DIMENSIONS = ("InstanceId", "host")
"""One of them, by which hosts go on EC2 and elsewhere, is on every series of the agent: no application's tag can be."""

_STATISTICS = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")


def sets(*names: str) -> tuple[frozenset[str], ...]:
    """A series of each host with these further dimensions, under either name that hosts go by."""
    return tuple(frozenset({host, *names}) for host in OWN_DIMENSIONS)


HOST = sets()


def metric(
    name: str,
    unit: str,
    display: Display,
    *,
    sets: tuple[frozenset[str], ...] = HOST,
    source: str = AGENT,
    maximum: float | None = None,
    signed: bool = False,
    counted: bool = False,
    fault: bool = False,
    emitted: Emitted = Emitted.ALWAYS,
) -> Metric:
    """Any metric of the agent's. `signed`: below 0 is a value like any other."""
    return Metric(
        namespace="CWAgent",
        name=name,
        dimension_sets=sets,
        unit=unit,
        # No percentiles: alarms and dashboards also read the CloudWatch agent's statistic sets.
        statistics=_STATISTICS,
        display=display,
        emitted=emitted,
        source=source,
        minimum=None if signed else 0.0,
        maximum=maximum,
        counted=counted,
        fault=fault,
    )


def percent(name: str, *, sets: tuple[frozenset[str], ...] = HOST, source: str = AGENT) -> Metric:
    """A share of 100."""
    return metric(name, "Percent", Display("%"), sets=sets, maximum=100.0, source=source)


def size(name: str, *, sets: tuple[frozenset[str], ...] = HOST, source: str = AGENT) -> Metric:
    """Bytes that are there."""
    return metric(name, "Bytes", Display("GiB", 2**-30), sets=sets, source=source)


def transferred(name: str, *, sets: tuple[frozenset[str], ...] = HOST, source: str = AGENT) -> Metric:
    """Bytes since the look before."""
    return metric(name, "Bytes", Display("MiB", 2**-20), sets=sets, source=source, counted=True)


def number(
    name: str,
    *,
    sets: tuple[frozenset[str], ...] = HOST,
    source: str = AGENT,
    maximum: float | None = None,
    shown: str = "",
    emitted: Emitted = Emitted.ALWAYS,
) -> Metric:
    """How many there are at the look."""
    return metric(name, "Count", Display(shown), sets=sets, source=source, maximum=maximum, emitted=emitted)


def events(
    name: str,
    *,
    sets: tuple[frozenset[str], ...] = HOST,
    source: str = AGENT,
    fault: bool = False,
    shown: str = "",
    emitted: Emitted = Emitted.ALWAYS,
) -> Metric:
    """How many there were since the look before; 0 is sent, so that the first is a change and not a beginning."""
    display = Display(shown)
    return metric(name, "Count", display, sets=sets, source=source, counted=True, fault=fault, emitted=emitted)


def milliseconds(
    name: str, *, sets: tuple[frozenset[str], ...] = HOST, source: str = AGENT, counted: bool = False
) -> Metric:
    """A time in milliseconds."""
    return metric(name, "Milliseconds", Display("ms"), sets=sets, source=source, counted=counted)


def plain(
    name: str,
    shown: str,
    *,
    sets: tuple[frozenset[str], ...] = HOST,
    source: str = AGENT,
    maximum: float | None = None,
    signed: bool = False,
) -> Metric:
    """A value in a unit that CloudWatch does not have."""
    return metric(name, "None", Display(shown), sets=sets, source=source, maximum=maximum, signed=signed)


def all_in(names: dict[str, object]) -> tuple[Metric, ...]:
    """Every metric among a module's names, in their order."""
    return tuple(value for value in names.values() if isinstance(value, Metric))
