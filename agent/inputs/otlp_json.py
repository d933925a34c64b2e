"""OTLP metrics in JSON: lowerCamelCase names, 64-bit numbers also as text, unknown fields left out.

Source: opentelemetry.io, "OTLP Specification", JSON Protobuf Encoding.
"""

import json
from collections.abc import Iterator
from typing import Any

from agent.inputs.otlp_model import Attributes, Form, Malformed, Point, Told

_TEMPORALITIES = {"AGGREGATION_TEMPORALITY_DELTA": 1, "AGGREGATION_TEMPORALITY_CUMULATIVE": 2}


def parse(content: bytes) -> Iterator[Told]:
    """Every metric of an ExportMetricsServiceRequest. Raises Malformed."""
    try:
        request = json.loads(content)
        for resource_metrics in request.get("resourceMetrics") or ():
            resource = _attributes((resource_metrics.get("resource") or {}).get("attributes"))
            for scope_metrics in resource_metrics.get("scopeMetrics") or ():
                for metric in scope_metrics.get("metrics") or ():
                    yield from _metric(metric, resource)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError) as error:
        raise Malformed(f"{type(error).__name__}: {error}") from None


def _metric(metric: dict[str, Any], resource: Attributes) -> Iterator[Told]:
    for form in Form:
        data = metric.get(form.value)
        if data is None:
            continue
        temporality = data.get("aggregationTemporality", 0)
        yield Told(
            str(metric.get("name", "")),
            str(metric.get("unit", "")),
            form,
            resource,
            tuple(_point(point, form) for point in data.get("dataPoints") or ()),
            _TEMPORALITIES.get(temporality, 0) if isinstance(temporality, str) else int(temporality),
            bool(data.get("isMonotonic", False)),
        )


def _point(point: dict[str, Any], form: Form) -> Point:
    number = point.get("asDouble", point.get("asInt"))
    total = point.get("sum")
    counts = tuple(map(_count, point.get("bucketCounts") or ()))
    return Point(
        _attributes(point.get("attributes")),
        int(point.get("startTimeUnixNano", 0)),
        int(point.get("flags", 0)),
        float(number) if number is not None else None,
        tuple(float(bound) for bound in point.get("explicitBounds") or ()),
        counts or ((_count(point.get("count", 0)),) if form is Form.HISTOGRAM else ()),
        float(total) if isinstance(total, int | float) else None,
    )


def _count(told: str | float) -> int:
    """A fixed64, as a number or as text."""
    count = int(told)
    if isinstance(told, float) and count != told:
        raise ValueError(f"{told!r} is not a count: a whole number is")
    return count


def _attributes(pairs: list[dict[str, Any]] | None) -> Attributes:
    return tuple(sorted((str(pair["key"]), _any(pair.get("value") or {})) for pair in pairs or ()))


def _any(value: dict[str, Any]) -> str:
    if "stringValue" in value:
        return str(value["stringValue"])
    if "boolValue" in value:
        return "true" if value["boolValue"] else "false"
    if "intValue" in value:
        return str(int(value["intValue"]))
    return f"{float(value['doubleValue']):g}" if "doubleValue" in value else ""
