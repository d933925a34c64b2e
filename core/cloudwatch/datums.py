"""PutMetricData's datums: what AWS refuses, and the value of what it takes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from core.cloudwatch.limits import (
    MAX_DATUMS,
    MAX_DIMENSION_NAME,
    MAX_DIMENSION_VALUE,
    MAX_DIMENSIONS,
    MAX_MAGNITUDE,
    MAX_NAME,
    MAX_VALUES,
    NEWEST_DATUM,
    OLDEST_DATUM,
    STORAGE_RESOLUTIONS,
    UNITS,
)
from core.cloudwatch.refusal import invalid_combination, invalid_value, missing
from core.cloudwatch.statistics import StatisticSet

Dimensions = tuple[tuple[str, str], ...]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DIMENSION_FIELDS = (("Name", MAX_DIMENSION_NAME), ("Value", MAX_DIMENSION_VALUE))
_VALUE_FIELDS = ("Value", "Values", "StatisticValues")
_SET_FIELDS = ("SampleCount", "Sum", "Minimum", "Maximum")


@dataclass(slots=True)
class Datum:
    """One datum of PutMetricData. `at` is in epoch seconds, cut down to the resolution of storage.

    `value` is set for the common datum of one sample; otherwise `values` (value, count) or `folded` is.
    """

    name: str
    dimensions: Dimensions
    at: int
    unit: str
    resolution: int
    value: float | None
    values: tuple[tuple[float, float], ...] = ()
    folded: StatisticSet | None = None


def epoch(value: object) -> float:
    """Epoch seconds of a timestamp as clients send it: a number, an ISO string, or a datetime.

    Raises ValueError for anything else.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) / timedelta(seconds=1)
    raise ValueError(f"{value!r} is no timestamp")


def dimensions(items: Sequence[Mapping[str, str]] | None) -> Dimensions:
    """Name and value pairs, sorted: the identity of a series does not depend on their order."""
    if not items:
        return ()
    pairs = [(item["Name"], item["Value"]) for item in items]
    pairs.sort()
    return tuple(pairs)


def read(item: Mapping[str, Any], now: float) -> Datum:
    """The datum that an item of MetricData states, unchecked. `now` is in epoch seconds."""
    stamp = item.get("Timestamp")
    resolution = item.get("StorageResolution") or 60
    at = int(now if stamp is None else epoch(stamp) // 1)
    datum = Datum(
        name=item["MetricName"],
        dimensions=dimensions(item.get("Dimensions")),
        at=at - at % resolution,
        unit=item.get("Unit") or "None",
        resolution=resolution,
        value=None,
    )
    single = item.get("Value")
    if single is not None:
        datum.value = float(single)
    elif item.get("StatisticValues") is not None:
        folded = item["StatisticValues"]
        datum.folded = StatisticSet(*(float(folded[field]) for field in _SET_FIELDS))
    else:
        counts = item.get("Counts") or [1.0] * len(item["Values"])
        pairs = zip(item["Values"], counts, strict=True)
        datum.values = tuple((float(value), float(count)) for value, count in pairs if count)
    return datum


def check_namespace(namespace: object) -> str:
    """The namespace a customer may write to. Raises Refusal."""
    if not isinstance(namespace, str) or not namespace:
        raise missing("The parameter Namespace is required.")
    if len(namespace) > MAX_NAME or namespace.startswith(":") or namespace.upper().startswith("AWS/"):
        raise invalid_value(f"The value {namespace} for parameter Namespace is invalid.")
    return namespace


def check(items: Sequence[Mapping[str, Any]], now: float) -> None:
    """Refuse what PutMetricData refuses: one bad datum refuses the whole request.

    API reference, PutMetricData and MetricDatum. `now` is in epoch seconds. Raises Refusal.
    """
    if not items:
        raise missing("The parameter MetricData is required.")
    if len(items) > MAX_DATUMS:
        raise invalid_value(f"The collection MetricData must not have a size greater than {MAX_DATUMS}.")
    for number, item in enumerate(items, start=1):
        _check_datum(item, f"MetricData.member.{number}", now)


def _check_datum(item: Mapping[str, Any], path: str, now: float) -> None:
    name = item.get("MetricName")
    if not isinstance(name, str) or not name:
        raise missing(f"The parameter {path}.MetricName is required.")
    if len(name) > MAX_NAME or not name.isascii():
        raise invalid_value(f"The value {name} for parameter {path}.MetricName is invalid.")
    if item.get("Dimensions"):
        _check_dimensions(item["Dimensions"], path)
    if item.get("Timestamp") is not None:
        _check_timestamp(item["Timestamp"], path, now)
    unit = item.get("Unit")
    if unit is not None and unit not in UNITS:
        allowed = ", ".join(sorted(UNITS))
        raise invalid_value(f"The parameter {path}.Unit must be a value in the set [ {allowed} ], not {unit}.")
    resolution = item.get("StorageResolution")
    if resolution is not None and resolution not in STORAGE_RESOLUTIONS:
        raise invalid_value(f"The parameter {path}.StorageResolution must be 1 or 60, not {resolution}.")
    _check_values(item, path)


def _check_dimensions(items: Sequence[Mapping[str, Any]], path: str) -> None:
    if len(items) > MAX_DIMENSIONS:
        raise invalid_value(f"The collection {path}.Dimensions must not have a size greater than {MAX_DIMENSIONS}.")
    for number, item in enumerate(items, start=1):
        for field, longest in _DIMENSION_FIELDS:
            text = item.get(field)
            if not isinstance(text, str) or not text:
                raise missing(f"The parameter {path}.Dimensions.member.{number}.{field} is required.")
            colon = text[0] == ":" and field == "Name"
            if len(text) > longest or not text.isascii() or colon or text.isspace():
                where = f"{path}.Dimensions.member.{number}.{field}"
                raise invalid_value(f"The value {text} for parameter {where} is invalid.")


def _check_timestamp(stamp: object, path: str, now: float) -> None:
    try:
        at = epoch(stamp)
    except ValueError as error:
        raise invalid_value(f"The value {stamp} for parameter {path}.Timestamp is invalid.") from error
    if not at >= now - OLDEST_DATUM.total_seconds():
        raise invalid_value(f"The parameter {path}.Timestamp must specify a time within the past two weeks.")
    if not at <= now + NEWEST_DATUM.total_seconds():
        raise invalid_value(f"The parameter {path}.Timestamp must specify a time no more than two hours in the future.")


def _check_values(item: Mapping[str, Any], path: str) -> None:
    given = [field for field in _VALUE_FIELDS if item.get(field) is not None]
    if not given:
        raise missing(f"At least one of the parameters must be specified: {path}.Value, Values, StatisticValues.")
    if len(given) > 1:
        raise invalid_combination(
            f"The parameters {path}.{given[0]} and {path}.{given[1]} are mutually exclusive and you have "
            "specified both."
        )
    match given[0]:
        case "Value":
            _check_number(item["Value"], f"{path}.Value")
        case "Values":
            _check_array(item["Values"], item.get("Counts"), path)
        case _:
            _check_set(item["StatisticValues"], f"{path}.StatisticValues")


def _check_number(value: object, where: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError) as error:
        raise invalid_value(f"The value {value} for parameter {where} is invalid.") from error
    if not math.isfinite(number) or abs(number) > MAX_MAGNITUDE:
        raise invalid_value(f"The value {value} for parameter {where} is invalid.")
    return number


def _check_array(values: Sequence[object], counts: Sequence[object] | None, path: str) -> None:
    if len(values) > MAX_VALUES:
        raise invalid_value(f"The collection {path}.Values must not have a size greater than {MAX_VALUES}.")
    if not values:
        raise missing(f"The parameter {path}.Values is required.")
    if counts is not None and len(counts) != len(values):
        raise invalid_value(f"The parameters {path}.Values and {path}.Counts must be of the same size.")
    for number, value in enumerate(values, start=1):
        _check_number(value, f"{path}.Values.member.{number}")
    for number, count in enumerate(counts or (), start=1):
        where = f"{path}.Counts.member.{number}"
        if _check_number(count, where) < 0:
            raise invalid_value(f"The value {count} for parameter {where} is invalid.")


def _check_set(folded: Mapping[str, object], path: str) -> None:
    for field in _SET_FIELDS:
        if folded.get(field) is None:
            raise missing(f"The parameter {path}.{field} is required.")
    numbers = {field: _check_number(folded[field], f"{path}.{field}") for field in _SET_FIELDS}
    if numbers["SampleCount"] <= 0:
        raise invalid_value(f"The value {folded['SampleCount']} for parameter {path}.SampleCount is invalid.")
    if numbers["Minimum"] > numbers["Maximum"]:
        raise invalid_value(f"The parameter {path}.Maximum must be greater than or equal to {path}.Minimum.")
