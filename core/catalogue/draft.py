"""How alarms are written: statistics and expressions as queries, and what one subject's alarms share."""

from dataclasses import dataclass
from datetime import timedelta

from core.catalogue.alarm import (
    Comparison,
    CompositeAlarm,
    Delivery,
    MetricAlarm,
    MetricStat,
    MissingData,
    Query,
    Severity,
    Subject,
    alarm_name,
)
from core.catalogue.metric import Display, Metric

MINUTE = timedelta(minutes=1)
SHORTEST_WARM_UP = timedelta(minutes=15)
PERCENT = Display("%")


def statistic(
    query_id: str,
    metric: Metric,
    dimensions: tuple[tuple[str, str], ...],
    name: str,
    *,
    period: timedelta = MINUTE,
    returned: bool = False,
) -> Query:
    """One statistic of one series, such as `Sum` or `p99`."""
    return Query(id=query_id, stat=MetricStat(metric, dimensions, name, period), returned=returned)


def expression(query_id: str, text: str, label: str) -> Query:
    """The expression whose series the alarm is held against."""
    return Query(id=query_id, expression=text, label=label, returned=True)


@dataclass(frozen=True, slots=True)
class Draft:
    """What all alarms of one subject share."""

    stage: str
    subject: Subject
    owner: str

    def name(self, condition: str) -> str:
        """The alarm name of a condition of this subject."""
        return alarm_name(self.stage, self.subject.label, condition)

    def alarm(
        self,
        condition: str,
        title: str,
        queries: tuple[Query, ...],
        *,
        comparison: Comparison,
        threshold: float,
        datapoints: tuple[int, int],
        missing: MissingData,
        severity: Severity,
        display: Display,
        delivery: Delivery = Delivery.INCIDENT,
    ) -> MetricAlarm:
        """A threshold alarm; `datapoints` is (M, N), `threshold` in CloudWatch's unit."""
        return MetricAlarm(
            name=self.name(condition),
            condition=condition,
            subject=self.subject,
            title=title,
            queries=queries,
            comparison=comparison,
            threshold=threshold,
            datapoints=datapoints[0],
            periods=datapoints[1],
            missing=missing,
            severity=severity,
            owner=self.owner,
            runbook=condition,
            display=display,
            delivery=delivery,
            warm_up=_warm_up(queries, datapoints[1]) if missing is MissingData.BREACHING else timedelta(),
        )

    def any_of(
        self, condition: str, title: str, children: tuple[MetricAlarm, ...], *, severity: Severity
    ) -> CompositeAlarm:
        """A composite that is in ALARM while any child is."""
        names = tuple(child.name for child in children)
        return CompositeAlarm(
            name=self.name(condition),
            condition=condition,
            subject=self.subject,
            title=title,
            rule=" OR ".join(f'ALARM("{name}")' for name in names),
            children=names,
            severity=severity,
            owner=self.owner,
            runbook=condition,
            delivery=Delivery.INCIDENT,
        )


def _warm_up(queries: tuple[Query, ...], periods: int) -> timedelta:
    """Alarms on silence wait twice their window after creation: otherwise every first deploy would page.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html (WarmUpConfiguration)
    """
    period = next(query.stat.period for query in queries if query.stat is not None)
    return max(SHORTEST_WARM_UP, 2 * periods * period)
