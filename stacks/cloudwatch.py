"""Alarms and dashboards of the catalogue as CloudFormation resources, field for field."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from core.catalogue.alarm import Alarm, CompositeAlarm, Delivery, MetricAlarm, MetricStat, Query, Severity
from core.catalogue.dashboards import Dashboard
from stacks import naming

PLAIN_STATISTICS = frozenset({"SampleCount", "Average", "Sum", "Minimum", "Maximum"})
"""What CloudFormation calls Statistic; everything else is an ExtendedStatistic."""


def add_alarms(scope: Construct, alarms: Sequence[Alarm], *, runbooks: str, actions: Mapping[Severity, str]) -> None:
    """Create the alarms; those with direct delivery tell the topic whose ARN `actions` has for their severity of ALARM.

    Nobody is told of OK: CloudWatch runs OK actions on INSUFFICIENT_DATA -> OK too, so each deploy would send one
    message an alarm.

    A composite is created after those of its children that are among `alarms`.
    """
    # A construct of their own gives logical ids a hash: without it, endpoints `a-b` and `ab` would share one.
    scope = Construct(scope, "Alarms")
    created: dict[str, cdk.CfnResource] = {}
    for alarm in alarms:
        topics = [actions[alarm.severity]] if alarm.delivery is Delivery.DIRECT else None
        if isinstance(alarm, CompositeAlarm):
            resource: cdk.CfnResource = _composite(scope, alarm, runbooks, topics)
            for child in alarm.children:
                if child in created:
                    resource.add_resource_dependency(created[child])
        else:
            resource = _metric(scope, alarm, runbooks, topics)
        created[alarm.name] = resource


def add_dashboards(scope: Construct, dashboards: Sequence[Dashboard]) -> None:
    """Create the dashboards; their bodies may hold CDK tokens."""
    stack, scope = cdk.Stack.of(scope), Construct(scope, "Dashboards")
    for dashboard in dashboards:
        cloudwatch.CfnDashboard(
            scope,
            dashboard.name,
            dashboard_name=dashboard.name,
            dashboard_body=stack.to_json_string(dashboard.body),
        )


def runbook_url(runbooks: str, runbook: str) -> str:
    """Where a runbook is read, given the configuration's base URL."""
    return f"{runbooks.rstrip('/')}/{runbook}.md"


def _metric(scope: Construct, alarm: MetricAlarm, runbooks: str, topics: list[str] | None) -> cloudwatch.CfnAlarm:
    return cloudwatch.CfnAlarm(
        scope,
        alarm.name,
        alarm_name=alarm.name,
        alarm_description=_description(alarm, runbooks),
        comparison_operator=alarm.comparison.value,
        threshold=alarm.threshold,
        datapoints_to_alarm=alarm.datapoints,
        evaluation_periods=alarm.periods,
        treat_missing_data=alarm.missing.value,
        alarm_actions=topics,
        warm_up_configuration=_warm_up(alarm),
        tags=_tags(alarm),
        **_series(alarm.queries),
    )


def _warm_up(alarm: MetricAlarm) -> cloudwatch.CfnAlarm.WarmUpConfigurationProperty | None:
    """FILL makes data of silence, so the period must not end early because data arrive."""
    if not alarm.warm_up:
        return None
    return cloudwatch.CfnAlarm.WarmUpConfigurationProperty(
        warm_up_period_duration_in_minutes=_seconds(alarm.warm_up) // 60,
        only_start_evaluating_after_warm_up_period_ends=True,
    )


def _series(queries: tuple[Query, ...]) -> dict[str, Any]:
    """One plain statistic is the alarm's own properties; anything more is its list of metrics."""
    stat = queries[0].stat
    if len(queries) > 1 or stat is None:
        return {"metrics": [_query(query) for query in queries]}
    kind = "statistic" if stat.statistic in PLAIN_STATISTICS else "extended_statistic"
    return {
        "namespace": stat.metric.namespace,
        "metric_name": stat.metric.name,
        "dimensions": _dimensions(stat),
        "period": _seconds(stat.period),
        kind: stat.statistic,
    }


def _query(query: Query) -> cloudwatch.CfnAlarm.MetricDataQueryProperty:
    if query.stat is None:
        return cloudwatch.CfnAlarm.MetricDataQueryProperty(
            id=query.id, expression=query.expression, label=query.label or None, return_data=query.returned
        )
    return cloudwatch.CfnAlarm.MetricDataQueryProperty(
        id=query.id,
        label=query.label or None,
        return_data=query.returned,
        metric_stat=cloudwatch.CfnAlarm.MetricStatProperty(
            metric=cloudwatch.CfnAlarm.MetricProperty(
                namespace=query.stat.metric.namespace,
                metric_name=query.stat.metric.name,
                dimensions=_dimensions(query.stat),
            ),
            period=_seconds(query.stat.period),
            stat=query.stat.statistic,
        ),
    )


def _composite(
    scope: Construct, alarm: CompositeAlarm, runbooks: str, topics: list[str] | None
) -> cloudwatch.CfnCompositeAlarm:
    return cloudwatch.CfnCompositeAlarm(
        scope,
        alarm.name,
        alarm_name=alarm.name,
        alarm_description=_description(alarm, runbooks),
        alarm_rule=alarm.rule,
        alarm_actions=topics,
        tags=_tags(alarm),
        **_suppressor(alarm),
    )


def _suppressor(alarm: CompositeAlarm) -> dict[str, Any]:
    if not alarm.suppressor:
        return {}
    return {
        "actions_suppressor": naming.alarm_arn_prefix() + alarm.suppressor,
        "actions_suppressor_wait_period": _seconds(alarm.wait),
        "actions_suppressor_extension_period": _seconds(alarm.extension),
    }


def _dimensions(stat: MetricStat) -> list[cloudwatch.CfnAlarm.DimensionProperty]:
    return [cloudwatch.CfnAlarm.DimensionProperty(name=name, value=value) for name, value in stat.dimensions]


def _seconds(period: timedelta) -> int:
    return int(period.total_seconds())


def _description(alarm: Alarm, runbooks: str) -> str:
    return f"{alarm.title} ({runbook_url(runbooks, alarm.runbook)})"


def _tags(alarm: Alarm) -> list[cdk.CfnTag]:
    return [
        cdk.CfnTag(key="mlwarden:severity", value=alarm.severity.value),
        cdk.CfnTag(key="mlwarden:owner", value=alarm.owner),
        cdk.CfnTag(key="mlwarden:runbook", value=alarm.runbook),
        cdk.CfnTag(key="mlwarden:subject", value=f"{alarm.subject.kind}/{alarm.subject.name}"),
    ]
