"""The embedded CloudWatch as its callers see it: one operation at a time, and datums from other services."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from core.cloudwatch import datums, expression
from core.cloudwatch.refusal import Refusal
from local.cloudwatch import descriptions
from local.cloudwatch.alarms import Alarms
from local.cloudwatch.dashboards import Dashboards
from local.cloudwatch.graphs import Graphs
from local.cloudwatch.metrics import Metrics
from local.cloudwatch.store import Store
from local.cloudwatch.tags import Tags
from local.errors import ServiceError
from local.world import World

Operation = Callable[[Mapping[str, Any]], dict[str, Any]]

_NOT_FOUND = ("ResourceNotFound", "ResourceNotFoundException")


class CloudWatch:
    """CloudWatch over the world's clock. Instants in answers are epoch seconds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.store = Store()
        self.metrics = Metrics(self.store, world.clock.now, world.account, world.region)
        self.tags = Tags(self._exists)
        self.alarms = Alarms(world, self.store, self.tags)
        self.dashboards = Dashboards(world.clock.now, world.account, self.tags)
        self._graphs = Graphs(world.clock.now, self.handle)
        self.metrics.bands = self.alarms.detectors.band
        self._operations: dict[str, Operation] = self._served()

    @property
    def ingestion_delay(self) -> timedelta:
        """How long datums take until alarms see them: an alarm looks at the periods that ended that long ago."""
        return self.alarms.sight.delay

    @ingestion_delay.setter
    def ingestion_delay(self, delay: timedelta) -> None:
        self.alarms.sight.delay = delay

    def start(self) -> None:
        """Evaluate alarms from now on, as the clock runs."""
        self.alarms.evaluator.start()

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Carry out one API operation.

        Raises ServiceError as AWS would, and InvalidAction for an operation that is not served.
        """
        served = self._operations.get(operation)
        if served is None:
            known = ", ".join(sorted(self._operations))
            raise ServiceError("InvalidAction", f"CloudWatch's {operation} is not supported yet; supported: {known}")
        with self._world.lock:
            try:
                return served(params)
            except Refusal as refusal:
                status = 404 if refusal.code in _NOT_FOUND else 400
                raise ServiceError(refusal.code, refusal.message, status) from refusal

    def put(self, namespace: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Take datums (as in PutMetricData's MetricData) from a service of the embedded AWS, `AWS/` or not.

        Nothing is checked; a datum without a Timestamp is of the present minute.
        """
        with self._world.lock:
            self.metrics.put(namespace, items)

    def give(self, text: str, label: str, items: Sequence[Mapping[str, Any]]) -> None:
        """Give a series of what LAMBDA, DB_PERF_INSIGHTS or INSIGHT_RULE_METRIC reads; `text` is the call.

        `items` are as in PutMetricData's MetricData, without names and dimensions; each call answers with all series
        that were given for it. Raises ExpressionError where `text` is not such a call, ValueError for a bad item.
        """
        call = expression.source_call(text)
        now = self._world.clock.now().timestamp()
        try:
            found = [datums.read({**item, "MetricName": label}, now) for item in items]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{error} is missing or is not as in MetricData") from error
        with self._world.lock:
            for datum in found:
                self.store.give(call, label, datum)

    def _served(self) -> dict[str, Operation]:
        metrics, alarms, dashboards = self.metrics, self.alarms, self.dashboards
        return {
            "PutMetricData": metrics.put_metric_data,
            "GetMetricData": metrics.get_metric_data,
            "GetMetricStatistics": metrics.get_metric_statistics,
            "ListMetrics": metrics.list_metrics,
            "GetMetricWidgetImage": self._graphs.image,
            "PutMetricAlarm": alarms.put_metric_alarm,
            "PutCompositeAlarm": alarms.put_composite_alarm,
            "DescribeAlarms": self._describe_alarms,
            "DescribeAlarmsForMetric": self._describe_alarms_for_metric,
            "DescribeAlarmContributors": alarms.contributors.describe,
            "DescribeAlarmHistory": alarms.history.describe,
            "DeleteAlarms": alarms.delete_alarms,
            "SetAlarmState": alarms.set_alarm_state,
            "EnableAlarmActions": lambda params: alarms.enable_actions(params, enabled=True),
            "DisableAlarmActions": lambda params: alarms.enable_actions(params, enabled=False),
            "PutAlarmMuteRule": alarms.mute_rules.put,
            "GetAlarmMuteRule": alarms.mute_rules.get,
            "ListAlarmMuteRules": alarms.mute_rules.listed,
            "DeleteAlarmMuteRule": alarms.mute_rules.delete,
            "PutAnomalyDetector": alarms.detectors.put,
            "DescribeAnomalyDetectors": alarms.detectors.describe,
            "DeleteAnomalyDetector": alarms.detectors.delete,
            "PutDashboard": dashboards.put,
            "GetDashboard": dashboards.get,
            "ListDashboards": dashboards.listed,
            "DeleteDashboards": dashboards.delete,
            "TagResource": self.tags.tag,
            "UntagResource": self.tags.untag,
            "ListTagsForResource": self.tags.listed,
        }

    def _describe_alarms(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return descriptions.describe(params, self.alarms.registry)

    def _describe_alarms_for_metric(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return descriptions.for_metric(params, tuple(self.alarms.registry.metric.values()))

    def _exists(self, arn: str) -> bool:
        if ":alarm:" in arn:
            alarm = self.alarms.registry.find(arn.split(":", 6)[-1])
            return alarm is not None and alarm.arn == arn
        if ":alarm-mute-rule:" in arn:
            return self.alarms.mute_rules.exists(arn)
        return any(dashboard.arn == arn for dashboard in self.dashboards.by_name.values())
