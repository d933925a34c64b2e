"""CloudWatch Logs beyond moto: log lines become metrics, by the embedded metric format and by metric filters.

Filters themselves are moto's. https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from moto.logs.models import logs_backends

from core.cloudwatch import logpatterns
from core.cloudwatch.limits import NEWEST_DATUM, OLDEST_DATUM, UNITS
from core.cloudwatch.logpatterns import Matched, Pattern, PatternError
from core.cloudwatch.logpatterns.tokens import number_of
from local import emf
from local.clock import Order
from local.errors import ServiceError
from local.world import World

MAX_DIMENSIONS = 3  # MetricTransformation
MAX_TESTED = 50  # TestMetricFilter
MINUTE = timedelta(minutes=1)

_TRANSFORMERS = ("PutTransformer", "GetTransformer", "DeleteTransformer", "TestTransformer")
_UNSERVED = ("fieldSelectionCriteria", "emitSystemFieldDimensions")
_REFERENCE = re.compile(r"\$\.\S+|\$\w+")

Filter = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A log event; `at` is in epoch seconds."""

    at: float
    message: str


class Logs:
    """The log lines of one region, on their way to metrics."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._matched: set[tuple[str, str, datetime]] = set()
        """Group, filter and minute of what matched where a default value stands in for nothing."""
        self._awaited: set[tuple[str, str, datetime]] = set()

    def handle(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """TestMetricFilter."""
        if operation != "TestMetricFilter":
            raise ServiceError("UnknownOperationException", f"Logs {operation} is not served here")
        messages = params.get("logEventMessages") or []
        if not 1 <= len(messages) <= MAX_TESTED:
            raise _invalid(f"logEventMessages must have 1 to {MAX_TESTED} entries, not {len(messages)}")
        match = _pattern(str(params.get("filterPattern") or ""))
        numbered = enumerate(messages, start=1)
        matches = [
            {"eventNumber": number, "eventMessage": message, "extractedValues": dict(found.extracted)}
            for number, message in numbered
            if (found := match(message)) is not None
        ]
        return {"matches": matches}

    def before(self, operation: str, params: dict[str, Any]) -> None:
        """Refuse, before moto sees it, a metric filter that Logs would refuse; one of the same name makes room."""
        if operation in _TRANSFORMERS or params.get("policyType") == "TRANSFORMER_POLICY":
            raise ServiceError("NotImplemented", f"{operation}: log transformers are not served here", 501)
        if operation != "PutMetricFilter":
            return
        for field in _UNSERVED:
            if params.get(field):
                raise ServiceError("NotImplemented", f"PutMetricFilter's {field} is not served here", 501)
        _pattern(str(params.get("filterPattern") or ""))
        transformations = params.get("metricTransformations") or []
        if len(transformations) != 1:
            raise _invalid(f"metricTransformations must have 1 entry, not {len(transformations)}")
        _check(transformations[0])
        filters = logs_backends[self._world.account][self._world.region].filters
        filters.delete_filter(params.get("filterName"), params.get("logGroupName"))

    def after(self, operation: str, params: dict[str, Any]) -> None:
        """Follow up on what moto did: log events that were put become metrics."""
        if operation == "PutMetricFilter" and params.get("applyOnTransformedLogs") is not None:
            # Nothing transforms logs here: the filter sees them as they came, as it does on AWS without a transformer.
            filters = logs_backends[self._world.account][self._world.region].filters
            group = params.get("logGroupName")
            for each in filters.get_matching_filters(params.get("filterName"), group):
                if each["filterName"] == params.get("filterName"):
                    each["applyOnTransformedLogs"] = params["applyOnTransformedLogs"]
        if operation == "PutLogEvents":
            events = params.get("logEvents") or []
            self.ingest(
                str(params["logGroupName"]), [Line(event["timestamp"] / 1000, event["message"]) for event in events]
            )

    def ingest(self, group: str, lines: Iterable[Line]) -> None:
        """Publish the metrics of log events: those embedded in them, and those of the group's filters."""
        world = self._world
        now = world.clock.now()
        oldest, newest = (now - OLDEST_DATUM).timestamp(), (now + NEWEST_DATUM).timestamp()
        lines = [line for line in lines if oldest <= line.at <= newest]
        with world.lock:
            for line in lines:
                for namespace, datums in emf.datums(line.message):
                    world.cloudwatch.put(namespace, datums)
            for each in logs_backends[world.account][world.region].filters.get_matching_filters(log_group_name=group):
                self._apply(each, group, lines)

    def _apply(self, each: Filter, group: str, lines: Iterable[Line]) -> None:
        match = _pattern(each["filterPattern"])
        (transformation,) = each["metricTransformations"]
        has_default = transformation.get("defaultValue") is not None
        for line in lines:
            place = (group, str(each["filterName"]), _minute(line.at))
            found = match(line.message)
            if has_default:
                self._await(place, transformation)
            if found is None:
                continue
            if has_default:
                self._matched.add(place)
            if (datum := _datum(transformation, found, line)) is not None:
                self._world.cloudwatch.put(transformation["metricNamespace"], [datum])

    def _await(self, place: tuple[str, str, datetime], transformation: dict[str, Any]) -> None:
        """Publish the default value once the minute has passed, if nothing matched in it by then."""
        if place in self._awaited:
            return
        self._awaited.add(place)

        def settle() -> None:
            self._awaited.discard(place)
            if place in self._matched:
                self._matched.discard(place)
                return
            datum = _plain(transformation, float(transformation["defaultValue"]), place[2].timestamp())
            self._world.cloudwatch.put(transformation["metricNamespace"], [datum])

        self._world.clock.schedule(place[2] + MINUTE, settle, Order.DATUMS)


def _minute(at: float) -> datetime:
    return datetime.fromtimestamp(at // 60 * 60, UTC)


def _datum(transformation: dict[str, Any], found: Matched, line: Line) -> dict[str, Any] | None:
    """What a matched event adds to the metric; None where its value is no number or a dimension is not there."""
    wanted = str(transformation["metricValue"])
    value = number_of(found(wanted) if wanted.startswith("$") else wanted)
    if value is None:
        return None
    datum = _plain(transformation, value, line.at)
    for name, reference in (transformation.get("dimensions") or {}).items():
        text = found(reference)
        if text is None or isinstance(text, dict | list):
            return None
        datum["Dimensions"].append({"Name": name, "Value": str(text)})
    return datum


def _plain(transformation: dict[str, Any], value: float, at: float) -> dict[str, Any]:
    return {
        "MetricName": transformation["metricName"],
        "Dimensions": [],
        "Timestamp": at,
        "Value": value,
        "Unit": transformation.get("unit") or "None",
    }


def _check(transformation: dict[str, Any]) -> None:
    for key in ("metricName", "metricNamespace", "metricValue"):
        if not transformation.get(key):
            raise _invalid(f"metricTransformations.{key} is required")
    value = str(transformation["metricValue"])
    if number_of(value) is None and _REFERENCE.fullmatch(value) is None:
        raise _invalid(f"metricValue: {value!r} is neither a number nor a reference such as $.latency or $bytes")
    unit = transformation.get("unit")
    if unit is not None and unit not in UNITS:
        raise _invalid(f"unit: {unit!r} is not a unit of CloudWatch")
    dimensions = transformation.get("dimensions") or {}
    if len(dimensions) > MAX_DIMENSIONS:
        raise _invalid(f"dimensions must not have more than {MAX_DIMENSIONS} entries")
    if dimensions and transformation.get("defaultValue") is not None:
        raise _invalid("Invalid metric transformation: dimensions and default value are mutually exclusive.")


@lru_cache(maxsize=256)
def _pattern(text: str) -> Pattern:
    try:
        return logpatterns.parse(text)
    except PatternError as error:
        raise _invalid(f"Invalid metric filter pattern: {error}") from None


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)
