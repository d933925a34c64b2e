import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.clients import Clients
from local.errors import ServiceError
from local.faults import Fault
from local.functions.model import AsyncConfig, Code, Function
from local.world import World
from tests.local import templates
from tests.local.functions.roles import role

FAILS = "def handle(event, context):\n    raise RuntimeError('no')\n"
GROUP = "/aws/lambda/f"


def create(world: World, folder: Path, source: str, arn: str, **changes: Any) -> None:
    path, digest = templates.package(folder, {"app.py": source})
    values: dict[str, Any] = {"name": "f", "handler": "app.handle", "role_arn": arn, "runtime": "python3.14"}
    world.functions.create(Function(**{**values, "code": Code(path, digest), **changes}))


def queue(admin: Clients, name: str) -> tuple[str, str]:
    url = admin.get("sqs").create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:us-east-1:123456789012:{name}"


def received(admin: Clients, url: str) -> list[dict[str, Any]]:
    answer = admin.get("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return list(answer.get("Messages", []))


def metric(world: World, admin: Clients, name: str) -> list[float]:
    now = world.clock.now()
    answer = admin.get("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": "FunctionName", "Value": "f"}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    points = sorted(answer["Datapoints"], key=lambda point: point["Timestamp"])
    return [point["Sum"] for point in points]


def log_lines(admin: Clients) -> list[str]:
    events = admin.get("logs").filter_log_events(logGroupName=GROUP)["events"]
    return [event["message"] for event in events]


def test_an_asynchronous_event_is_tried_three_times_and_then_kept_in_the_dead_letter_queue(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    url, dead = queue(admin, "dead")
    arn = role(admin, "r", templates.allow("sqs:SendMessage", on=dead))
    create(world, tmp_path, FAILS, arn, dead_letter_arn=dead)

    world.functions.invoke_later("f", {"n": 1})
    world.clock.advance(timedelta(minutes=2, seconds=59))
    before = received(admin, url)
    world.clock.advance(timedelta(seconds=1))
    after = received(admin, url)

    assert before == []
    assert [json.loads(message["Body"]) for message in after] == [{"n": 1}]
    attributes = after[0]["MessageAttributes"]
    assert attributes["ErrorCode"]["StringValue"] == "200"
    assert attributes["ErrorMessage"]["StringValue"] == "no"
    assert metric(world, admin, "Invocations") == [1, 1, 1]
    assert metric(world, admin, "Errors") == [1, 1, 1]


def test_an_on_failure_destination_gets_an_invocation_record(world: World, admin: Clients, tmp_path: Path) -> None:
    url, failed = queue(admin, "failed")
    arn = role(admin, "r", templates.allow("sqs:SendMessage", on=failed))
    create(world, tmp_path, FAILS, arn, asynchronous=AsyncConfig(retries=1, on_failure=failed))

    world.functions.invoke_later("f", {"n": 1})
    world.clock.advance(timedelta(minutes=1))

    record = json.loads(received(admin, url)[0]["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["requestPayload"] == {"n": 1}
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "no"
    assert record["timestamp"] == "2030-01-01T00:01:00.000Z"


def test_a_dead_letter_that_the_role_may_not_send_is_counted(world: World, admin: Clients, tmp_path: Path) -> None:
    url, dead = queue(admin, "dead")
    create(world, tmp_path, FAILS, role(admin, "r"), dead_letter_arn=dead, asynchronous=AsyncConfig(retries=0))

    world.functions.invoke_later("f", {})
    world.clock.settle()

    assert received(admin, url) == []
    assert metric(world, admin, "DeadLetterErrors") == [1]


def test_a_success_ends_an_asynchronous_event(world: World, admin: Clients, tmp_path: Path) -> None:
    source = "CALLS = []\ndef handle(event, context):\n    CALLS.append(1)\n    assert len(CALLS) > 1\n"
    create(world, tmp_path, source, role(admin, "r"))

    world.functions.invoke_later("f", {})
    world.clock.advance(timedelta(minutes=10))

    assert metric(world, admin, "Invocations") == [1, 1]
    assert metric(world, admin, "Errors") == [1, 0]


def test_a_function_without_concurrency_is_throttled(world: World, admin: Clients, tmp_path: Path) -> None:
    create(world, tmp_path, FAILS, role(admin, "r"), reserved_concurrency=0)

    with pytest.raises(ServiceError, match="TooManyRequestsException"):
        world.functions.invoke("f", {})

    assert metric(world, admin, "Throttles") == [1]


def test_what_a_function_prints_is_in_its_log_group_and_its_metrics_in_cloudwatch(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    source = """
import json, sys, time
def handle(event, context):
    print("out")
    print("err", file=sys.stderr)
    directive = {"Namespace": "mine", "Dimensions": [["Stage"]], "Metrics": [{"Name": "Beat", "Unit": "Count"}]}
    print(json.dumps({"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
                      "Stage": "demo", "Beat": 1}))
"""
    create(world, tmp_path, source, role(admin, "r", templates.allow("logs:*")))

    world.functions.invoke("f", {})
    world.clock.settle()

    metrics = admin.get("cloudwatch").list_metrics(Namespace="mine")["Metrics"]
    assert sorted(line for line in log_lines(admin) if len(line) < 4) == ["err", "out"]
    assert [(each["MetricName"], each["Dimensions"]) for each in metrics] == [
        ("Beat", [{"Name": "Stage", "Value": "demo"}])
    ]


def test_a_role_that_may_not_write_logs_loses_them_and_the_metrics_in_them(
    world: World, admin: Clients, tmp_path: Path
) -> None:
    admin.get("logs").create_log_group(logGroupName=GROUP)
    create(world, tmp_path, "def handle(event, context):\n    print('out')\n", role(admin, "r"))

    invocation = world.functions.invoke("f", {})

    assert invocation.logs == ("out",)
    assert log_lines(admin) == []


def test_an_unknown_function_is_named(world: World) -> None:
    with pytest.raises(ServiceError, match="Function not found: arn:aws:lambda:us-east-1:123456789012:function:gone"):
        world.functions.invoke_later("gone", {})


def test_a_function_calls_aws_in_the_name_of_its_role(world: World, admin: Clients, tmp_path: Path) -> None:
    source = """
import http.client, os, json
from urllib.parse import urlsplit
def handle(event, context):
    host = urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc
    connection = http.client.HTTPConnection(host)
    key = os.environ["AWS_ACCESS_KEY_ID"]
    connection.request("POST", "/", json.dumps({"Name": event}), {
        "X-Amz-Target": "AmazonSSM.GetParameter", "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20300101/us-east-1/ssm/aws4_request, Signature=x"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return body
"""
    for name in ("/ours", "/theirs"):
        admin.get("ssm").put_parameter(Name=name, Value="v", Type="String")
    ours = "arn:aws:ssm:us-east-1:123456789012:parameter/ours"
    create(world, tmp_path, source, role(admin, "r", templates.allow("ssm:GetParameter", on=ours)))

    allowed = world.functions.invoke("f", "/ours").value
    refused = world.functions.invoke("f", "/theirs").value

    assert allowed["Parameter"]["Value"] == "v"
    assert refused["__type"] == "AccessDeniedException"
    assert refused["message"] == (
        "User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to perform: ssm:GetParameter on resource: "
        "arn:aws:ssm:us-east-1:123456789012:parameter/theirs because no identity-based policy allows the "
        "ssm:GetParameter action"
    )


CALLS_SQS = """
import json, os, urllib.request, urllib.error

def handle(event, context):
    scope = f"{os.environ['AWS_ACCESS_KEY_ID']}/20300101/us-east-1/sqs/aws4_request"
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}",
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.ListQueues",
    }
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], b"{}", headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return json.loads(error.read())["__type"]
"""


def test_a_functions_calls_meet_faults_too(world: World, admin: Clients, tmp_path: Path) -> None:
    create(world, tmp_path, CALLS_SQS, role(admin, "r", templates.allow("sqs:ListQueues")))
    world.faults.add(Fault("sqs", "ListQueues", "ServiceUnavailable", times=1))

    answers = [world.functions.invoke("f", {}).value for _ in range(2)]

    assert answers == ["ServiceUnavailable", 200]
