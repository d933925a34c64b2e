"""Reads CloudWatch's embedded metric format: one log line becomes the datums it carries."""

import json
from collections.abc import Mapping
from typing import Any

MAX_DIRECTIVE_METRICS = 100  # per directive, CloudWatch_Embedded_Metric_Format_Specification
MAX_DIMENSIONS = 30  # per dimension set, the same page
MAX_VALUES = 100  # numbers in one metric's array, the same page

Datum = dict[str, Any]


def datums(line: str) -> tuple[tuple[str, list[Datum]], ...]:
    """The (namespace, datums) pairs of a log line, one pair a directive; empty for a line that is not EMF.

    A datum is what PutMetricData takes: MetricName, Dimensions, Timestamp (epoch seconds), Unit, StorageResolution and
    Value, or Values and Counts. Like CloudWatch, a malformed part is passed over and the rest is read: a directive
    without namespace, a metric whose value is no number, a dimension set whose value is missing.
    """
    document = _document(line)
    metadata = document.get("_aws")
    if not isinstance(metadata, Mapping):
        return ()
    timestamp = metadata.get("Timestamp")
    directives = metadata.get("CloudWatchMetrics")
    if not isinstance(timestamp, int | float) or isinstance(timestamp, bool) or not isinstance(directives, list):
        return ()
    pairs = []
    for directive in directives:
        namespace = directive.get("Namespace") if isinstance(directive, Mapping) else None
        if not isinstance(namespace, str) or not namespace:
            continue
        found = _directive(directive, document, timestamp / 1000)
        if found:
            pairs.append((namespace, found))
    return tuple(pairs)


def _document(line: str) -> Mapping[str, Any]:
    if '"_aws"' not in line:
        return {}
    try:
        document = json.loads(line)
    except ValueError:
        return {}
    return document if isinstance(document, Mapping) else {}


def _directive(directive: Mapping[str, Any], document: Mapping[str, Any], timestamp: float) -> list[Datum]:
    found: list[Datum] = []
    sets = directive.get("Dimensions", [[]])
    metrics = directive.get("Metrics", [])
    if not isinstance(sets, list) or not isinstance(metrics, list):
        return found
    for metric in metrics[:MAX_DIRECTIVE_METRICS]:
        name = metric.get("Name") if isinstance(metric, Mapping) else None
        if not isinstance(name, str):
            continue
        numbers = _numbers(document.get(name))
        if not numbers:
            continue
        for names in sets or [[]]:
            dimensions = _dimensions(names, document)
            if dimensions is None:
                continue
            datum: Datum = {
                "MetricName": name,
                "Dimensions": dimensions,
                "Timestamp": timestamp,
                "Unit": metric.get("Unit", "None"),
                "StorageResolution": metric.get("StorageResolution", 60),
            }
            if len(numbers) == 1:
                datum["Value"] = numbers[0]
            else:
                datum["Values"] = numbers
                datum["Counts"] = [1.0] * len(numbers)
            found.append(datum)
    return found


def _numbers(value: Any) -> list[float]:
    values = value if isinstance(value, list) else [value]
    if len(values) > MAX_VALUES or any(isinstance(v, bool) or not isinstance(v, int | float) for v in values):
        return []
    return [float(v) for v in values]


def _dimensions(names: object, document: Mapping[str, Any]) -> list[dict[str, str]] | None:
    if not isinstance(names, list) or len(names) > MAX_DIMENSIONS:
        return None
    if any(not isinstance(document.get(name), str) for name in names):
        return None
    return [{"Name": name, "Value": document[name]} for name in names]
