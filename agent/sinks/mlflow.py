"""Windows to an MLflow run, under the names of MLflow's own system metrics: one value a window, its average.

Sources: MLflow documentation, "System Metrics" and REST API, "Log Batch". Network traffic is not sent: MLflow's is a
running total, which windows that arrive late cannot carry on.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from agent.connection import Connection, ConnectionFailed
from agent.sample import Datum
from agent.sinks import Answer, Item, Verdict

MAX_METRICS = 1000
MAX_BODY_BYTES = 1_000_000
_PATH = "/api/2.0/mlflow/runs/log-batch"
_WRAPPING = 200
_MEGABYTE = 1e-6
_MEBIBYTE_IN_MEGABYTES = 1.048576

_HOST = {
    "cpu_usage_active": ("cpu_utilization_percentage", 1.0),
    "mem_used": ("system_memory_usage_megabytes", _MEGABYTE),
    "mem_used_percent": ("system_memory_usage_percentage", 1.0),
}
_ROOT = {
    "disk_used_percent": ("disk_usage_percentage", 1.0),
    "disk_used": ("disk_usage_megabytes", _MEGABYTE),
    "disk_free": ("disk_available_megabytes", _MEGABYTE),
}
_GPU = {
    "nvidia_smi_utilization_gpu": ("utilization_percentage", 1.0),
    "gpu_memory_used_percent": ("memory_usage_percentage", 1.0),
    "nvidia_smi_memory_used": ("memory_usage_megabytes", _MEBIBYTE_IN_MEGABYTES),
    "nvidia_smi_power_draw": ("power_usage_watts", 1.0),
}


class Mlflow:
    """Logs to one run; a value that is sent twice is stored once, MLflow's key being all that it has."""

    name = "mlflow"
    max_entries = MAX_METRICS
    max_bytes = MAX_BODY_BYTES - _WRAPPING
    between_bytes = 1
    skew = timedelta()

    def __init__(self, url: str, *, run: str, environment: Mapping[str, str]) -> None:
        """`url` is the tracking server's. Raises ValueError for anything else."""
        self._connection = Connection(url)
        self._path = urlsplit(url).path.rstrip("/") + _PATH
        self._begin = b'{"run_id":' + json.dumps(run).encode() + b',"metrics":['
        self._headers = {"Content-Type": "application/json", **authorization(environment)}

    def item(self, start: datetime, length: timedelta, datum: Datum) -> Item | None:
        """The metric; None for what MLflow has no name for."""
        found = spell(datum)
        if found is None or datum.second:
            return None
        key, scale = found
        at = int(start.timestamp())
        content = {
            "key": key,
            "value": datum.total / datum.count * scale,
            "timestamp": at * 1000,
            "step": at // int(length.total_seconds()),
        }
        return Item(start, datum, json.dumps(content, separators=(",", ":")).encode())

    def send(self, items: Sequence[Item], *, timeout_seconds: float) -> Answer:
        """One Log Batch."""
        body = self._begin + b",".join([item.data for item in items]) + b"]}"
        try:
            response = self._connection.request(
                "POST", self._path, headers=self._headers, body=body, timeout_seconds=timeout_seconds
            )
        except ConnectionFailed as error:
            return Answer(Verdict.UNKNOWN if error.sent else Verdict.LATER, str(error))
        if response.status == 200:
            return Answer(Verdict.TAKEN)
        said = " ".join(response.body.decode(errors="replace").split())[:200]
        return Answer(judge(response.status), f"{response.status} {said}".strip())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def judge(status: int) -> Verdict:
    """The verdict of a status other than 200. A run that is not there yet, or not allowed yet, is waited for."""
    if status == 429:
        return Verdict.THROTTLED
    if status >= 500:
        return Verdict.UNKNOWN
    return Verdict.REFUSED if status in {400, 413} else Verdict.LATER


def spell(datum: Datum) -> tuple[str, float] | None:
    """MLflow's name and the factor to its unit."""
    name, dimensions = datum.metric.name, dict(datum.dimensions)
    if "index" in dimensions and name in _GPU:
        key, scale = _GPU[name]
        return f"system/gpu_{dimensions['index']}_{key}", scale
    if dimensions.get("path") == "/" and name in _ROOT:
        key, scale = _ROOT[name]
        return f"system/{key}", scale
    if len(dimensions) == 1 and name in _HOST:
        key, scale = _HOST[name]
        return f"system/{key}", scale
    return None


def authorization(environment: Mapping[str, str]) -> dict[str, str]:
    """The header for MLFLOW_TRACKING_TOKEN, or for MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."""
    token = environment.get("MLFLOW_TRACKING_TOKEN", "")
    if token:
        return {"Authorization": f"Bearer {token}"}
    user, password = environment.get("MLFLOW_TRACKING_USERNAME", ""), environment.get("MLFLOW_TRACKING_PASSWORD", "")
    if user and password:
        return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
    return {}
