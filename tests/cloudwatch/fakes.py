"""A world with a clock and an embedded CloudWatch; what CloudWatch tells others is recorded."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.session import get_session
from botocore.validate import ParamValidator
from moto.core.models import botocore_stubber
from werkzeug.datastructures import Headers

from local import answers, wire
from local.clock import Clock, Order
from local.cloudwatch.service import CloudWatch
from local.errors import ServiceError
from local.faults import Faults
from local.journal import Journal
from local.wire import Call, Protocol
from local.world import World

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
TOPIC = "arn:aws:sns:us-east-1:123456789012:critical"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:act"
MODEL = get_session().get_service_model("cloudwatch")


class FakeTopics:
    def __init__(self) -> None:
        self.published: list[dict[str, Any]] = []
        self.refuses = False

    def publish_by_service(self, **message: Any) -> str:
        if self.refuses:
            raise ServiceError(
                "AuthorizationError", "the topic's policy does not let cloudwatch.amazonaws.com publish", 403
            )
        self.published.append(message)
        return "1"


class FakeFunctions:
    def __init__(self) -> None:
        self.invoked: list[tuple[str, Any]] = []

    def invoke_later(self, name: str, payload: Any) -> None:
        self.invoked.append((name, payload))


class FakeAccess:
    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    def check_service(self, **asked: str) -> None:
        self.asked.append(asked)


class FakeEvents:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def put(self, **event: Any) -> str:
        self.events.append(event)
        return "1"

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event["detail"] for event in self.events if event["detail_type"] == f"CloudWatch Alarm {kind} Change"]


class FakeWorld:
    def __init__(self, start: datetime = START) -> None:
        self.clock = Clock(start)
        self.region = "us-east-1"
        self.account = "123456789012"
        self.lock = threading.RLock()
        self.topics = FakeTopics()
        self.functions = FakeFunctions()
        self.access = FakeAccess()
        self.events = FakeEvents()
        self.journal = Journal(self.clock.now)
        self.faults = Faults(self.clock.now, self.journal)
        self.regions = {self.region: self}
        self.cloudwatch = CloudWatch(cast(World, self))
        self.cloudwatch.start()

    def at(self, region: str) -> "FakeWorld":
        return self.regions[region]

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """Carry out an operation; input and output must fit AWS's model."""
        model = MODEL.operation_model(operation)
        _must_fit(params, model.input_shape)
        answer = self.cloudwatch.handle(operation, params)
        if model.output_shape is not None:
            _must_fit(answer, model.output_shape)
        return answer

    def put(self, value: float, name: str = "Errors", **more: Any) -> None:
        """One datum of the namespace `App` at the present instant."""
        self.call("PutMetricData", Namespace="App", MetricData=[{"MetricName": name, "Value": value, **more}])

    def put_every_minute(self, values: list[float | None], name: str = "Errors") -> None:
        """Each value a minute after the one before, as seen at the end of each minute; None sends nothing."""
        for value in values:
            if value is not None:
                self.put(value, name)
            self.advance(minutes=1)

    def advance(self, **delta: float) -> None:
        self.clock.run_until(self.clock.now() + timedelta(**delta))

    def do_at(self, when: datetime, work: Callable[[], None]) -> None:
        self.clock.schedule(when, work, Order.DATUMS)

    def alarm(self, name: str = "High", **more: Any) -> None:
        """A metric alarm on App/Errors: Sum over a minute above 5, once."""
        plain = {
            "AlarmName": name,
            "MetricName": "Errors",
            "Namespace": "App",
            "Statistic": "Sum",
            "Period": 60,
            "EvaluationPeriods": 1,
            "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold",
        }
        self.call("PutMetricAlarm", **{key: value for key, value in (plain | more).items() if value is not None})

    def described(self, name: str = "High") -> dict[str, Any]:
        answer = self.call("DescribeAlarms", AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        return dict((answer["MetricAlarms"] + answer["CompositeAlarms"])[0])

    def state(self, name: str = "High") -> str:
        return str(self.described(name)["StateValue"])


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def boto3_client(world: FakeWorld) -> Any:
    """A boto3 client whose requests the world's CloudWatch answers without a socket, in JSON 1.0; to be closed."""
    client = boto3.client(
        "cloudwatch",
        region_name=world.region,
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(disable_request_compression=True, retries={"total_max_attempts": 1}),
    )

    def answered(request: Any, **_: Any) -> AWSResponse:
        operation = request.headers["X-Amz-Target"].decode().split(".")[1]
        call = Call("cloudwatch", operation, "x", Protocol.JSON_1_0, Headers(), request.body or b"{}", query_mode=True)
        try:
            call = wire.parsed(call)
            answer = answers.result(call, world.cloudwatch.handle(operation, call.params), "1")
        except ServiceError as problem:
            answer = answers.error(call, problem, "1")
        return AWSResponse(request.url, answer.status, dict(answer.headers), _Body(answer.body))

    client.meta.events.unregister("before-send", botocore_stubber)  # which would carry the call out a second time
    client.meta.events.register("before-send.cloudwatch.*", answered)
    return client


def _must_fit(value: dict[str, Any], shape: Any) -> None:
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()
