"""Windows to CloudWatch's OTLP endpoint for metrics, as protobuf, signed.

What is counted is a delta sum; a gauge is its average under its own name and, where it moved, its maximum under
`<name>_max`. Sources: CloudWatch user guide, "OTLP Endpoints"; opentelemetry-proto, metrics.proto.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from agent import __version__
from agent.aws import CREDENTIAL_CODES, Service, compressed, error_code
from agent.connection import Response
from agent.inputs import units
from agent.sample import Datum
from agent.sinks import Answer, Item, Verdict
from agent.sinks.cloudwatch import outcome
from agent.sinks.protobuf import double, fixed, message, text, whole

# Limits of the endpoint (CloudWatch user guide, "OTLP Endpoints").
PATH = "/v1/metrics"
MAX_POINTS = 1000
MAX_BODY_BYTES = 1_000_000
_DELTA = 1  # AGGREGATION_TEMPORALITY_DELTA
_NANOSECONDS = 1_000_000_000
_WRAPPING = 200
"""More than what is around the metrics of a request."""


class Otlp:
    """One request's metrics under one resource and scope."""

    name = "otlp"
    max_entries = MAX_POINTS
    max_bytes = MAX_BODY_BYTES - _WRAPPING
    between_bytes = 0

    def __init__(self, service: Service, *, path: str = PATH) -> None:
        self._service = service
        self._path = path

    @property
    def skew(self) -> timedelta:
        """What the service's clock is ahead of this one, as far as it told."""
        return self._service.skew

    def item(self, start: datetime, length: timedelta, datum: Datum) -> Item:
        """The datum's metric, or two."""
        metrics = list(build(start, length, datum))
        return Item(start, datum, b"".join(metrics), len(metrics))

    def send(self, items: Sequence[Item], *, timeout_seconds: float) -> Answer:
        """One export."""
        body, encoding = compressed(request(items))
        answered: list[Response] = []

        def post() -> Response:
            headers = {"Content-Type": "application/x-protobuf"}
            answer = self._service.post(
                self._path, body, headers=headers, timeout_seconds=timeout_seconds, encoding=encoding
            )
            answered.append(answer)
            return answer

        answer = outcome(post)
        response = answered[-1] if answered else None
        if response is not None and response.status == 400 and error_code(response) not in CREDENTIAL_CODES:
            return Answer(Verdict.REFUSED, answer.reason)
        if answer.verdict is Verdict.TAKEN and response is not None and response.body:
            said = "".join(one for one in response.body.decode(errors="replace") if one.isprintable())
            return Answer(answer.verdict, f"in part refused: {said}")
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._service.close()


def request(items: Sequence[Item]) -> bytes:
    """An ExportMetricsServiceRequest."""
    resource = message(1, _attribute(1, "service.name", "mlwarden-agent"))
    scope = message(1, text(1, "mlwarden-agent"), text(2, __version__))
    return message(1, resource, message(2, scope, *[item.data for item in items]))


def build(start: datetime, length: timedelta, datum: Datum) -> Sequence[bytes]:
    """The datum as Metrics of a ScopeMetrics."""
    if datum.second:
        start, length = start + timedelta(seconds=datum.second - 1), timedelta(seconds=1)
    begin = int(start.timestamp()) * _NANOSECONDS
    end = begin + int(length.total_seconds()) * _NANOSECONDS
    attributes = b"".join(_attribute(7, name, value) for name, value in datum.dimensions)
    unit = text(3, units.to_ucum(datum.metric.unit))

    def metric(name: str, field: int, value: float, *more: bytes) -> bytes:
        point = message(1, fixed(2, begin), fixed(3, end), double(4, value), attributes)
        return message(2, text(1, name), unit, message(field, point, *more))

    name = datum.metric.name
    if datum.metric.counted:
        return [metric(name, 7, datum.total, whole(2, _DELTA), whole(3, 1))]
    average = metric(name, 5, datum.total / datum.count)
    if datum.minimum == datum.maximum:
        return [average]
    return [average, metric(f"{name}_max", 5, datum.maximum)]


def _attribute(field: int, name: str, value: str) -> bytes:
    return message(field, text(1, name), message(2, text(1, value)))
