"""DescribeAlarms and DescribeAlarmsForMetric."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.cloudwatch.datums import dimensions
from core.cloudwatch.limits import DEFAULT_ALARM_RECORDS, MAX_ALARM_NAMES, MAX_ALARM_RECORDS
from core.cloudwatch.refusal import missing, validation
from core.cloudwatch.state import State
from local.cloudwatch import paging
from local.cloudwatch.records import ACTION_FIELDS, Alarm, CompositeAlarm, MetricAlarm, actions, kind
from local.cloudwatch.registry import Registry

Params = Mapping[str, Any]

_TYPES = ("MetricAlarm", "CompositeAlarm", "LogAlarm")
_LISTS = {"MetricAlarm": "MetricAlarms", "CompositeAlarm": "CompositeAlarms"}
_METRIC_FIELDS = (
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "WarmUpConfiguration",
    "EvaluationWindow",
    "ThresholdMetricId",
    "EvaluationCriteria",
    "EvaluationInterval",
)
_COMPOSITE_FIELDS = (
    "AlarmRule",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
)


def describe(params: Params, registry: Registry) -> dict[str, Any]:
    """DescribeAlarms, sorted by name; metric alarms only unless AlarmTypes says otherwise."""
    types = params.get("AlarmTypes") or ["MetricAlarm"]
    for one in types:
        if one not in _TYPES:
            raise validation(f"AlarmTypes must be of {', '.join(_TYPES)}, not {one}")
    names, prefix = params.get("AlarmNames") or [], params.get("AlarmNamePrefix")
    if names and prefix:
        raise validation("AlarmNames and AlarmNamePrefix cannot be specified together")
    if len(names) > MAX_ALARM_NAMES:
        raise validation(f"AlarmNames must have at most {MAX_ALARM_NAMES} entries, not {len(names)}")
    if params.get("StateValue") not in (None, *State):
        raise validation(f"StateValue must be one of {', '.join(State)}, not {params['StateValue']}")
    size = params.get("MaxRecords") or DEFAULT_ALARM_RECORDS
    if not 1 <= size <= MAX_ALARM_RECORDS:
        raise validation(f"MaxRecords must be between 1 and {MAX_ALARM_RECORDS}, not {size}")
    relatives = _relatives(params, registry)
    if relatives is not None:
        types = ["MetricAlarm", "CompositeAlarm"]
    found = (
        alarm
        for alarm in _sought(registry, names, prefix or "", params.get("NextToken"))
        if kind(alarm) in types
        and params.get("StateValue") in (None, alarm.status.value)
        and (not params.get("ActionPrefix") or _acts(alarm, params["ActionPrefix"]))
        and (relatives is None or alarm.name in relatives)
    )
    listed, token = paging.walk(found, size, lambda alarm: alarm.name)
    answer: dict[str, Any] = {name: [] for name in _LISTS.values()}
    for alarm in listed:
        answer[_LISTS[kind(alarm)]].append(described(alarm) if relatives is None else _brief(alarm))
    return answer | ({"NextToken": token} if token else {})


def for_metric(params: Params, alarms: Sequence[MetricAlarm]) -> dict[str, Any]:
    """DescribeAlarmsForMetric: the alarms whose one metric, or one of whose metrics, is exactly that."""
    for field in ("MetricName", "Namespace"):
        if not params.get(field):
            raise missing(f"The parameter {field} is required.")
    wanted = (params["Namespace"], params["MetricName"], dimensions(params.get("Dimensions")))
    statistic = params.get("Statistic") or params.get("ExtendedStatistic")

    def watches(alarm: MetricAlarm) -> bool:
        return any(
            (stat.namespace, stat.name, stat.dimensions) == wanted
            and statistic in (None, stat.statistic)
            and params.get("Period") in (None, stat.period)
            and params.get("Unit") in (None, stat.unit)
            for query in alarm.plan.queries
            if (stat := query.stat) is not None
        )

    found = sorted((alarm for alarm in alarms if watches(alarm)), key=lambda alarm: alarm.name)
    return {"MetricAlarms": [described(alarm) for alarm in found]}


def described(alarm: Alarm) -> dict[str, Any]:
    """An alarm as DescribeAlarms gives it."""
    status = alarm.status
    found: dict[str, Any] = {
        "AlarmName": alarm.name,
        "AlarmArn": alarm.arn,
        **({"AlarmDescription": text} if (text := alarm.params.get("AlarmDescription")) else {}),
        "AlarmConfigurationUpdatedTimestamp": alarm.configured.timestamp(),
        "ActionsEnabled": alarm.actions_enabled,
        **{field: list(actions(alarm, state)) for state, field in ACTION_FIELDS.items()},
        "StateValue": status.value.value,
        "StateReason": status.reason,
        **({"StateReasonData": status.data} if status.data else {}),
        "StateUpdatedTimestamp": status.updated.timestamp(),
        "StateTransitionedTimestamp": status.transitioned.timestamp(),
    }
    if alarm.params.get("ActionConfiguration"):
        found["ActionConfiguration"] = alarm.params["ActionConfiguration"]
    if isinstance(alarm, CompositeAlarm):
        found.update((field, alarm.params[field]) for field in _COMPOSITE_FIELDS if field in alarm.params)
        if status.suppressed_by:
            found["ActionsSuppressedBy"] = status.suppressed_by
            found["ActionsSuppressedReason"] = status.suppressed_reason
        return found
    found.update((field, alarm.params[field]) for field in _METRIC_FIELDS if field in alarm.params)
    if alarm.evaluation_state:
        found["EvaluationState"] = alarm.evaluation_state
    if "EvaluationCriteria" in alarm.params:
        return found
    if alarm.params.get("Metrics"):
        return found | {"Metrics": alarm.params["Metrics"]}
    return found | {"Dimensions": alarm.params.get("Dimensions") or []}


def _brief(alarm: Alarm) -> dict[str, Any]:
    """What ChildrenOfAlarmName and ParentsOfAlarmName give of an alarm."""
    whole = described(alarm)
    return {
        field: whole[field]
        for field in ("AlarmName", "AlarmArn", "StateValue", "StateUpdatedTimestamp", "ActionsEnabled")
    }


def _sought(registry: Registry, names: Sequence[str], prefix: str, token: str | None) -> Iterator[Alarm]:
    """The alarms of those names, or with that prefix, from after the one that the token names; sorted by name."""
    after = paging.decode(token) if token else ""
    if not isinstance(after, str):
        raise paging.invalid()
    if names:
        return (alarm for name in sorted({*names}) if name > after and (alarm := registry.find(name)) is not None)
    return registry.named(prefix, after=after)


def _relatives(params: Params, registry: Registry) -> frozenset[str] | None:
    children_of, parents_of = params.get("ChildrenOfAlarmName"), params.get("ParentsOfAlarmName")
    composites = registry.composite.values()
    if children_of:
        return frozenset(child for alarm in composites if alarm.name == children_of for child in alarm.children)
    if parents_of:
        return frozenset(alarm.name for alarm in composites if parents_of in alarm.children)
    return None


def _acts(alarm: Alarm, prefix: str) -> bool:
    return any(action.startswith(prefix) for state in State for action in actions(alarm, state))
