"""mlwarden's own metrics and alarms: told through SNS directly, since the router may be what is broken."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.catalogue.alarm import Comparison, Delivery, MetricAlarm, MissingData, Query, Severity, Subject
from core.catalogue.draft import MINUTE, Draft, expression, statistic
from core.catalogue.metric import Display, Emitted, Metric

if TYPE_CHECKING:
    from core.config import Config

CONDITIONS = (
    "FunctionErrors",
    "FunctionThrottles",
    "DeadLetters",
    "NotificationsFailed",
    "PipelineHealthy",
    "HeartbeatMissing",
)

# What serves reports: its failure can wait for working hours. All else is on a page's way.
_REPORTING = frozenset({"recommender", "reports"})

_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"
_SQS = (
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"
)
_SNS = "https://docs.aws.amazon.com/sns/latest/dg/sns-monitoring-using-cloudwatch.html"
_EVENTS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html"
_ALL = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")


@dataclass(frozen=True, slots=True)
class PlatformNames:
    """Physical names by logical name; the values may be CDK tokens, the keys name the alarms.

    `dead_letters` are by the queue they belong to, `topics` by severity.
    """

    functions: Mapping[str, str]
    dead_letters: Mapping[str, str]
    topics: Mapping[str, str]


def _metric(
    namespace: str,
    name: str,
    dimension: str,
    *,
    display: Display,
    emitted: Emitted,
    source: str,
    unit: str = "Count",
    statistics: tuple[str, ...] = _ALL,
) -> Metric:
    return Metric(
        namespace=namespace,
        name=name,
        dimension_sets=(frozenset({dimension}),),
        unit=unit,
        statistics=statistics,
        display=display,
        emitted=emitted,
        source=source,
    )


FUNCTION_INVOCATIONS = _metric(
    "AWS/Lambda",
    "Invocations",
    "FunctionName",
    display=Display("invocations"),
    emitted=Emitted.ON_TRAFFIC,
    source=_LAMBDA,
)
FUNCTION_ERRORS = _metric(
    "AWS/Lambda",
    "Errors",
    "FunctionName",
    display=Display("errors"),
    emitted=Emitted.ON_TRAFFIC,
    source=_LAMBDA,
)
FUNCTION_THROTTLES = _metric(
    "AWS/Lambda",
    "Throttles",
    "FunctionName",
    display=Display("throttles"),
    emitted=Emitted.ON_TRAFFIC,
    source=_LAMBDA,
)
FUNCTION_DURATION = _metric(
    "AWS/Lambda",
    "Duration",
    "FunctionName",
    display=Display("ms"),
    emitted=Emitted.ON_TRAFFIC,
    source=_LAMBDA,
    unit="Milliseconds",
    statistics=(*_ALL, "p*"),
)
MESSAGES_VISIBLE = _metric(
    "AWS/SQS",
    "ApproximateNumberOfMessagesVisible",
    "QueueName",
    display=Display("messages"),
    emitted=Emitted.ALWAYS,
    source=_SQS,
)
NOTIFICATIONS_PUBLISHED = _metric(
    "AWS/SNS",
    "NumberOfMessagesPublished",
    "TopicName",
    display=Display("messages"),
    emitted=Emitted.ON_TRAFFIC,
    source=_SNS,
    statistics=("Sum",),
)
NOTIFICATIONS_FAILED = _metric(
    "AWS/SNS",
    "NumberOfNotificationsFailed",
    "TopicName",
    display=Display("notifications"),
    emitted=Emitted.ON_EVENT,
    source=_SNS,
    statistics=("Average", "Sum"),
)
RULE_FAILED_INVOCATIONS = _metric(
    "AWS/Events",
    "FailedInvocations",
    "RuleName",
    display=Display("invocations"),
    emitted=Emitted.ON_EVENT,
    source=_EVENTS,
)
HEARTBEAT = _metric(
    "mlwarden",
    "Heartbeat",
    "Stage",
    display=Display("heartbeats"),
    emitted=Emitted.ALWAYS,
    source="lambdas/notifier.py",
)

METRICS = (
    FUNCTION_INVOCATIONS,
    FUNCTION_ERRORS,
    FUNCTION_THROTTLES,
    FUNCTION_DURATION,
    MESSAGES_VISIBLE,
    NOTIFICATIONS_PUBLISHED,
    NOTIFICATIONS_FAILED,
    RULE_FAILED_INVOCATIONS,
    HEARTBEAT,
)


def alarms(config: "Config", names: PlatformNames) -> tuple[MetricAlarm, ...]:
    """The alarms on mlwarden itself, the dead-man's switch last."""
    functions = [
        alarm
        for logical, physical in names.functions.items()
        for alarm in (_errors(config, logical, physical), _throttles(config, logical, physical))
    ]
    dead_letters = [_dead_letters(config, *item) for item in names.dead_letters.items()]
    topics = [_notifications_failed(config, *item) for item in names.topics.items()]
    return (*functions, *dead_letters, *topics, _pipeline_healthy(config), _heartbeat_missing(config))


def healthy_name(config: "Config") -> str:
    """The name of the alarm that is in ALARM while pages reach people through mlwarden's functions."""
    return _draft(config, "platform").name("PipelineHealthy")


def _draft(config: "Config", name: str) -> Draft:
    return Draft(config.deployment.stage, Subject("platform", name), config.deployment.owner)


def _severity(logical: str) -> Severity:
    return Severity.WARNING if logical in _REPORTING else Severity.CRITICAL


def _count(
    draft: Draft,
    condition: str,
    title: str,
    query: Query,
    *,
    datapoints: tuple[int, int],
    severity: Severity,
    display: Display,
) -> MetricAlarm:
    return draft.alarm(
        condition,
        title,
        (query,),
        comparison=Comparison.GREATER_OR_EQUAL,
        threshold=1.0,
        datapoints=datapoints,
        missing=MissingData.NOT_BREACHING,
        severity=severity,
        display=display,
        delivery=Delivery.DIRECT,
    )


def _function_sum(metric: Metric, physical: str) -> Query:
    return statistic("value", metric, (("FunctionName", physical),), "Sum", returned=True)


def _errors(config: "Config", logical: str, physical: str) -> MetricAlarm:
    """Three failing minutes of fifteen: a batch retried from its queue fails about every third minute."""
    return _count(
        _draft(config, logical),
        "FunctionErrors",
        "one of mlwarden's functions keeps failing",
        _function_sum(FUNCTION_ERRORS, physical),
        datapoints=(3, 15),
        severity=_severity(logical),
        display=FUNCTION_ERRORS.display,
    )


def _throttles(config: "Config", logical: str, physical: str) -> MetricAlarm:
    return _count(
        _draft(config, logical),
        "FunctionThrottles",
        "one of mlwarden's functions is throttled",
        _function_sum(FUNCTION_THROTTLES, physical),
        datapoints=(3, 15),
        severity=Severity.WARNING,
        display=FUNCTION_THROTTLES.display,
    )


def _dead_letters(config: "Config", logical: str, physical: str) -> MetricAlarm:
    return _count(
        _draft(config, logical),
        "DeadLetters",
        "messages were given up on and wait in a dead-letter queue",
        statistic("value", MESSAGES_VISIBLE, (("QueueName", physical),), "Maximum", returned=True),
        datapoints=(1, 1),
        severity=_severity(logical),
        display=MESSAGES_VISIBLE.display,
    )


def _notifications_failed(config: "Config", logical: str, physical: str) -> MetricAlarm:
    """Told on another topic than the one that fails to deliver: as a ticket, unless that is the tickets' topic."""
    return _count(
        _draft(config, logical),
        "NotificationsFailed",
        "a topic could not deliver to a subscriber",
        statistic("value", NOTIFICATIONS_FAILED, (("TopicName", physical),), "Sum", returned=True),
        datapoints=(1, 5),
        severity=Severity.CRITICAL if logical == Severity.WARNING else Severity.WARNING,
        display=NOTIFICATIONS_FAILED.display,
    )


def _pipeline_healthy(config: "Config") -> MetricAlarm:
    """In ALARM while heartbeats arrive: what suppresses the composites of core/catalogue/direct.py.

    One beat of two is enough, so that one which is late by a minute changes nothing; two missing end it.
    """
    period = config.platform.heartbeat_minutes * MINUTE
    return _draft(config, "platform").alarm(
        "PipelineHealthy",
        "mlwarden's functions work, so critical alarms need not page by themselves",
        (
            statistic("beats", HEARTBEAT, (("Stage", config.deployment.stage),), "Sum", period=period),
            expression("alive", "FILL(beats, 0)", "heartbeats"),
        ),
        comparison=Comparison.GREATER_OR_EQUAL,
        threshold=1.0,
        datapoints=(1, 2),
        missing=MissingData.NOT_BREACHING,
        severity=Severity.INFO,
        display=HEARTBEAT.display,
        delivery=Delivery.SILENT,
    )


def _heartbeat_missing(config: "Config") -> MetricAlarm:
    """The dead-man's switch: proves rule, queues, router and notifier together.

    FILL makes silence count from its first period; see endpoint_alarms on why `breaching` alone is slower.
    """
    period = config.platform.heartbeat_minutes * MINUTE
    stage = config.deployment.stage
    return _draft(config, "platform").alarm(
        "HeartbeatMissing",
        "mlwarden's own heartbeat does not get through: pages may be lost",
        (
            statistic("beats", HEARTBEAT, (("Stage", stage),), "Sum", period=period),
            expression("alive", "FILL(beats, 0)", "heartbeats"),
        ),
        comparison=Comparison.LESS,
        threshold=1.0,
        datapoints=(5, 5),
        missing=MissingData.BREACHING,
        severity=Severity.CRITICAL,
        display=HEARTBEAT.display,
        delivery=Delivery.DIRECT,
    )
