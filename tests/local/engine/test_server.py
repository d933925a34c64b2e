import gzip
import json
import socket
import threading
import urllib.error
import urllib.request
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from local import server
from local.clock import Clock
from local.errors import ServiceError
from tests.local.engine.conftest import START


def ask(
    url: str, body: object = None, headers: dict[str, str] | None = None, method: str | None = None
) -> tuple[int, str, dict[str, str]]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)  # noqa: S310  # loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            return response.status, response.read().decode(errors="replace"), dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(), dict(error.headers)


def signed(service: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential=admin/20261120/us-east-1/{service}/aws4_request"} | headers


def test_the_clock_stands_still_until_told_and_answers_where_it_is(running):
    before = ask(f"{running.url}/_mlwarden/clock")
    advanced = ask(f"{running.url}/_mlwarden/clock", {"advance_seconds": 90})
    moved = ask(f"{running.url}/_mlwarden/clock", {"now": "2026-11-20T12:00:00Z"})

    assert (200, '{"now": "2026-11-20T10:00:00Z"}') == before[:2]
    assert (200, '{"now": "2026-11-20T10:01:30Z"}') == advanced[:2]
    assert (200, '{"now": "2026-11-20T12:00:00Z"}') == moved[:2]


def test_moving_the_clock_answers_when_all_due_work_has_run(running):
    ran = []
    running.world.clock.schedule(START, lambda: ran.append(1))

    ask(f"{running.url}/_mlwarden/clock", {"advance_seconds": 0})

    assert [1] == ran


@pytest.mark.parametrize(
    "body, reason",
    [
        ({"advance_secnds": 60}, "advance_seconds"),
        ({"advance_seconds": 60, "now": "2026-11-20T12:00:00Z"}, "the body must be"),
        ({"advance_seconds": -1}, "0 or more"),
        ({"advance_seconds": True}, "the body must be"),
        ({"now": "2026-11-20T09:00:00Z"}, "before the clock"),
        ({"now": "2026-11-20T12:00:00"}, "no time zone"),
        ({"now": "noon"}, "ISO 8601"),
        (b"not json", "the body must be"),
    ],
)
def test_a_wrong_wish_for_the_clock_says_what_would_be_right(running, body, reason):
    status, text, _ = ask(f"{running.url}/_mlwarden/clock", body)

    assert status == 400
    assert reason in json.loads(text)["error"]


def test_work_that_fails_is_told_to_whoever_moved_the_clock(running, caplog):
    running.world.clock.schedule(START, lambda: 1 / 0)

    status, text, _ = ask(f"{running.url}/_mlwarden/clock", {"advance_seconds": 0})

    assert status == 500
    assert "ZeroDivisionError" in text


def test_health_messages_and_unknown_control_routes(running):
    assert ask(f"{running.url}/_mlwarden/health")[0] == 200
    assert (200, "[]") == ask(f"{running.url}/_mlwarden/messages")[:2]
    assert "no control route GET /_mlwarden/other" in ask(f"{running.url}/_mlwarden/other")[1]


def test_it_listens_on_loopback_alone(running):
    assert running.url.startswith("http://127.0.0.1:")
    assert running._server.server_address[0] == "127.0.0.1"


def test_a_port_in_use_is_one_clear_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(OSError, match=f"port {port} on 127.0.0.1 is in use"):
            server.start(clock=Clock(START), port=port)


def test_one_world_at_a_time_and_a_fresh_one_after(running, client):
    client("sqs").create_queue(QueueName="left-over")

    with pytest.raises(RuntimeError, match="already running"):
        server.start(clock=Clock(START))
    running.stop()
    with server.start(clock=Clock(START)) as again:
        status, text, _ = ask(
            again.url,
            b"{}",
            signed("sqs", **{"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"}),
        )

    assert (200, "{}") == (status, text)


def test_stopping_ends_every_thread_and_idle_connections():
    before = threading.active_count()
    started = server.start(clock=Clock(START))
    with socket.create_connection(("127.0.0.1", int(started.url.rsplit(":")[-1]))):
        ask(f"{started.url}/_mlwarden/health")

        started.stop()
        started.stop()

    assert before == threading.active_count()


def test_moto_answers_on_virtual_time(client, advance):
    now = advance(hours=3)

    key = client("kms").create_key()["KeyMetadata"]

    assert now == key["CreationDate"]


def test_objects_keep_their_bytes_gzip_or_not(client):
    s3 = client("s3")
    s3.create_bucket(Bucket="reports")
    packed = gzip.compress(b"report")

    s3.put_object(Bucket="reports", Key="a/b.json.gz", Body=packed, ContentEncoding="gzip")
    s3.put_object(Bucket="reports", Key="empty", Body=b"")

    assert packed == s3.get_object(Bucket="reports", Key="a/b.json.gz")["Body"].read()
    assert s3.head_object(Bucket="reports", Key="empty")["ContentLength"] == 0


def test_a_gzip_request_body_is_decoded(running, client):
    body = gzip.compress(json.dumps({"Namespace": "N", "MetricData": [{"MetricName": "m", "Value": 1}]}).encode())
    headers = signed(
        "monitoring",
        **{
            "X-Amz-Target": "GraniteServiceVersion20100801.PutMetricData",
            "Content-Type": "application/x-amz-json-1.0",
            "Content-Encoding": "gzip",
        },
    )

    status, text, _ = ask(running.url, body, headers)

    assert (200, "{}") == (status, text)
    assert ["m"] == [metric["MetricName"] for metric in client("cloudwatch").list_metrics(Namespace="N")["Metrics"]]


def test_a_body_that_is_not_what_it_says_is_refused(running):
    headers = signed("events", **{"X-Amz-Target": "AWSEvents.PutEvents", "Content-Type": "application/x-amz-json-1.1"})

    not_json = ask(running.url, b"{", headers)
    not_gzip = ask(running.url, b"{}", headers | {"Content-Encoding": "gzip"})
    not_an_object = ask(running.url, b"[]", headers)

    assert [400, 400, 400] == [not_json[0], not_gzip[0], not_an_object[0]]
    assert "not JSON" in not_json[1]
    assert "not the gzip" in not_gzip[1]


def test_a_service_that_does_not_exist_is_named(client):
    with pytest.raises(ClientError, match="no service 'pricing'"):
        client("pricing").describe_services()


def test_an_error_gives_both_spellings_to_a_client_of_query_mode(running):
    def refuse(operation, params):
        raise ServiceError("InvalidParameterValue", "no such thing")

    running.world.cloudwatch.handle = refuse
    headers = signed(
        "monitoring",
        **{
            "X-Amz-Target": "GraniteServiceVersion20100801.GetDashboard",
            "Content-Type": "application/x-amz-json-1.0",
            "x-amzn-query-mode": "true",
        },
    )

    status, text, answered = ask(running.url, b'{"DashboardName": "d"}', headers)

    assert status == 400
    assert json.loads(text) == {"__type": "InvalidParameterValueException", "message": "no such thing"}
    assert answered["x-amzn-query-error"] == "InvalidParameterValue;Sender"


def test_a_call_is_held_against_the_role_that_its_key_belongs_to(running, client):
    client("iam").create_role(RoleName="weak", AssumeRolePolicyDocument="{}")
    running.world.access.register("AKIAWEAK", "arn:aws:iam::123456789012:role/weak")

    with pytest.raises(ClientError, match=r"not authorized to perform: sqs:CreateQueue|embedded AWS does not know"):
        client("sqs", key="AKIAWEAK").create_queue(QueueName="mine")
    with pytest.raises(ClientError, match="events:PutEvents"):
        client("events", key="AKIAWEAK").put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}])
    assert client("sqs").list_queues().get("QueueUrls") is None


def test_two_runs_from_the_same_start_give_the_same_identifiers():
    def run() -> list[str]:
        with server.start(clock=Clock(START)) as started:
            target = {"X-Amz-Target": "AmazonSQS.CreateQueue", "Content-Type": "application/x-amz-json-1.0"}
            url = json.loads(ask(started.url, {"QueueName": "q"}, signed("sqs", **target))[1])["QueueUrl"]
            target["X-Amz-Target"] = "AmazonSQS.SendMessage"
            body = {"QueueUrl": url, "MessageBody": "m"}
            sent = json.loads(ask(started.url, body, signed("sqs", **target))[1])["MessageId"]
            return [sent, started.world.next_id("event"), started.world.next_id("event")]

    first, second = run(), run()

    assert first == second
    assert len(set(first)) == 3


def test_what_metric_math_reads_elsewhere_is_given_by_a_route(running, client):
    datums = [{"Timestamp": START.isoformat(), "Value": 7}]
    route = f"{running.url}/_mlwarden/sources"

    given = ask(route, {"call": "LAMBDA('orders')", "label": "failed", "datums": datums})
    answer = client("cloudwatch").get_metric_data(
        MetricDataQueries=[{"Id": "e1", "Expression": "LAMBDA('orders')", "Period": 60}],
        StartTime=START,
        EndTime=START + timedelta(minutes=1),
    )

    assert (given[0], json.loads(given[1])) == (200, {"given": 1})
    assert [(one["Label"], one["Values"]) for one in answer["MetricDataResults"]] == [("failed", [7.0])]


@pytest.mark.parametrize(
    "body,said",
    [
        ({"call": "LAMBDA('f')"}, "the body must be"),
        ({"call": "LAMBDA(f)", "datums": []}, "call: unexpected 'f' at position 7"),
        ({"call": "LAMBDA('f')", "datums": [{"Timestamp": "noon", "Value": 1}]}, "datums: "),
    ],
)
def test_a_source_that_is_none_is_refused_by_the_route(running, body, said):
    status, text, _ = ask(f"{running.url}/_mlwarden/sources", body)

    assert status == 400
    assert said in json.loads(text)["error"]
