"""Units as applications spell them, in CloudWatch's spelling, and back."""

# CloudWatch API reference, MetricDatum, Unit; UCUM as OpenTelemetry's semantic conventions use it.
_UCUM = {
    "s": "Seconds",
    "ms": "Milliseconds",
    "us": "Microseconds",
    "By": "Bytes",
    "kBy": "Kilobytes",
    "MBy": "Megabytes",
    "GBy": "Gigabytes",
    "bit": "Bits",
    "%": "Percent",
    "By/s": "Bytes/Second",
    "bit/s": "Bits/Second",
}
_CLOUDWATCH = {unit: ucum for ucum, unit in _UCUM.items()} | {"Count": "1"}


def from_ucum(unit: str) -> str:
    """`s`, `By`, `{request}`, …; None where CloudWatch has no such unit."""
    if unit in _UCUM:
        return _UCUM[unit]
    return "Count" if unit.startswith("{") and unit.endswith("}") else "None"


def to_ucum(unit: str) -> str:
    """`s`, `By`, `1`, …; empty for None, and for what no input or metric of the agent has."""
    return _CLOUDWATCH.get(unit, "")


def from_name(name: str, *, counted: bool) -> str:
    """By the suffix that Prometheus's conventions ask for (prometheus.io, "Metric and label naming")."""
    name = name.removesuffix("_total").removesuffix("_sum")  # a summary's or histogram's sum is in its own unit
    for suffix, unit in (("_seconds", "Seconds"), ("_bytes", "Bytes"), ("_percent", "Percent")):
        if name.endswith(suffix):
            return unit
    return "Count" if counted else "None"
