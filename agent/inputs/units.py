"""Units as applications spell them, in CloudWatch's spelling."""

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


def from_ucum(unit: str) -> str:
    """`s`, `By`, `{request}`, …; None where CloudWatch has no such unit."""
    if unit in _UCUM:
        return _UCUM[unit]
    return "Count" if unit.startswith("{") and unit.endswith("}") else "None"


def from_name(name: str, *, counted: bool) -> str:
    """By the suffix that Prometheus's conventions ask for (prometheus.io, "Metric and label naming")."""
    name = name.removesuffix("_total")
    for suffix, unit in (("_seconds", "Seconds"), ("_bytes", "Bytes"), ("_percent", "Percent")):
        if name.endswith(suffix):
            return unit
    return "Count" if counted else "None"
