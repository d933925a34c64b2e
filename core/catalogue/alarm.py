"""Alarms as values: what CloudFormation creates, the embedded CloudWatch evaluates and a message quotes."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from core.catalogue.metric import Display, Metric


class Severity(StrEnum):
    """critical pages, warning opens a ticket, info is shown."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class MissingData(StrEnum):
    """CloudWatch's TreatMissingData."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


class Comparison(StrEnum):
    """CloudWatch's ComparisonOperator, the four that need no band."""

    GREATER = "GreaterThanThreshold"
    GREATER_OR_EQUAL = "GreaterThanOrEqualToThreshold"
    LESS = "LessThanThreshold"
    LESS_OR_EQUAL = "LessThanOrEqualToThreshold"


class Delivery(StrEnum):
    """How a change of the alarm's state reaches people."""

    INCIDENT = "incident"
    """Through the router: opens or joins an incident that is announced on its own."""
    CONTEXT = "context"
    """Through the router: joins the subject's incident as a symptom, never announced alone."""
    DIRECT = "direct"
    """The alarm's own SNS action: for mlwarden's own health, where the router may be what is broken."""
    SILENT = "silent"
    """Nobody is told: its state is there for other alarms."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alarm is about. `kind` is `endpoint`, `host` or `platform`; `name` is what people call it."""

    kind: str
    name: str
    variant: str = ""
    """The production variant, for endpoints."""

    @property
    def label(self) -> str:
        """The subject's part of an alarm's name: the name, and the variant unless it is AllTraffic."""
        return self.name if self.variant in ("", "AllTraffic") else f"{self.name}-{self.variant}"


@dataclass(frozen=True, slots=True)
class MetricStat:
    """One statistic of one series. `dimensions` are (name, value) pairs in the catalogue's order."""

    metric: Metric
    dimensions: tuple[tuple[str, str], ...]
    statistic: str
    period: timedelta


@dataclass(frozen=True, slots=True)
class Query:
    """One entry of a metric-math alarm's or GetMetricData's list: a statistic or else an expression."""

    id: str
    stat: MetricStat | None = None
    expression: str = ""
    label: str = ""
    returned: bool = False


@dataclass(frozen=True, slots=True)
class MetricAlarm:
    """A threshold on one returned series.

    `threshold` is in CloudWatch's unit (microseconds for ModelLatency); `display` turns values and
    threshold into what a person reads. `datapoints` of `periods` must breach. One query with a `stat` makes
    a plain metric alarm.
    """

    name: str
    condition: str
    subject: Subject
    title: str
    """What is wrong, as a person says it: `p99 model latency is too high`."""
    queries: tuple[Query, ...]
    comparison: Comparison
    threshold: float
    datapoints: int
    periods: int
    missing: MissingData
    severity: Severity
    owner: str
    runbook: str
    """Name of the runbook in docs/runbooks, without `.md`; equals `condition`."""
    display: Display
    delivery: Delivery
    warm_up: timedelta = timedelta()
    """How long after its creation the alarm is not evaluated: what it watches may not be there yet. Whole minutes."""

    @property
    def returned(self) -> Query:
        """The one query whose series the threshold is held against."""
        return next(query for query in self.queries if query.returned)

    @property
    def period(self) -> timedelta:
        """The period all the alarm's statistics share."""
        return next(query.stat.period for query in self.queries if query.stat is not None)


@dataclass(frozen=True, slots=True)
class CompositeAlarm:
    """An alarm over other alarms' states. `children` are the names `rule` mentions, most telling first.

    While the alarm `suppressor` is in ALARM, nobody is told by the composite itself; `extension` is for how much
    longer, `wait` how long a composite that alarms waits for its suppressor to.
    """

    name: str
    condition: str
    subject: Subject
    title: str
    rule: str
    children: tuple[str, ...]
    severity: Severity
    owner: str
    runbook: str
    delivery: Delivery
    suppressor: str = ""
    wait: timedelta = timedelta(minutes=1)
    extension: timedelta = timedelta(minutes=1)


Alarm = MetricAlarm | CompositeAlarm


def name_prefix(stage: str) -> str:
    """What every alarm of a deployment starts with; the event rules match on the same."""
    return f"mlwarden-{stage}-"


def alarm_name(stage: str, subject: str, condition: str) -> str:
    """`mlwarden-<stage>-<Subject>-<Condition>`, such as `mlwarden-production-ranker-HighP99Latency`."""
    return f"{name_prefix(stage)}{subject}-{condition}"
