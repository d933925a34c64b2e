"""The dashboard of mlwarden itself: does what is seen reach people."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.catalogue import platform, widgets
from core.catalogue.alarm import Delivery
from core.catalogue.draft import MINUTE
from core.catalogue.metric import Metric
from core.catalogue.widgets import Canvas, Line, graph, limit, metric_line

if TYPE_CHECKING:
    from core.config import Config


def body(config: "Config", names: platform.PlatformNames, canvas: Canvas) -> dict[str, Any]:
    """The dashboard's body."""
    alarms = platform.alarms(config, names)
    heartbeat = alarms[-1]
    beats = metric_line(
        platform.HEARTBEAT,
        (("Stage", config.deployment.stage),),
        "Sum",
        "heartbeats",
        key="beats",
        period=config.platform.heartbeat_minutes * MINUTE,
    )
    limits = {alarm.condition: limit(alarm) for alarm in alarms}

    def of(title: str, metric: Metric, statistic: str, items: Mapping[str, str], condition: str = "") -> widgets.Box:
        thresholds = [limits[condition]] if condition in limits else []
        lines = _lines(metric, statistic, items)
        return graph(canvas, title, lines, unit=metric.display.unit, limits=thresholds)

    functions, topics = names.functions, names.topics
    return widgets.body(
        [
            [widgets.text(_header(config), height=3)],
            widgets.lights(
                canvas,
                "Alarms, the heartbeat first",
                # One that is there for other alarms is in ALARM while all is well.
                [alarm.name for alarm in reversed(alarms) if alarm.delivery is not Delivery.SILENT],
            ),
            [
                graph(canvas, "Heartbeat", [beats], unit="heartbeats", limits=[limit(heartbeat)]),
                of(
                    "Dead letters",
                    platform.MESSAGES_VISIBLE,
                    "Maximum",
                    names.dead_letters,
                    "DeadLetters",
                ),
                of("Failed deliveries", platform.NOTIFICATIONS_FAILED, "Sum", topics, "NotificationsFailed"),
            ],
            [
                of("Function errors", platform.FUNCTION_ERRORS, "Sum", functions, "FunctionErrors"),
                of("Function throttles", platform.FUNCTION_THROTTLES, "Sum", functions, "FunctionThrottles"),
                of("Function duration, p99", platform.FUNCTION_DURATION, "p99", functions),
            ],
            [
                of("Function invocations", platform.FUNCTION_INVOCATIONS, "Sum", functions),
                of("Messages published", platform.NOTIFICATIONS_PUBLISHED, "Sum", topics),
            ],
        ]
    )


def _header(config: "Config") -> str:
    deployment = config.deployment
    links = widgets.runbook_links(deployment.runbooks, platform.CONDITIONS)
    return f"# {deployment.stage}: mlwarden itself\nowner **{deployment.owner}**\n\nRunbooks: {links}"


def _lines(metric: Metric, statistic: str, items: Mapping[str, str]) -> list[Line]:
    (dimensions,) = metric.dimension_sets
    (dimension,) = dimensions
    return [
        metric_line(metric, ((dimension, physical),), statistic, logical, key=f"n{number}")
        for number, (logical, physical) in enumerate(items.items())
    ]
