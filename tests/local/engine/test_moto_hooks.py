"""Every private part of moto 5.2 that the engine relies on: when moto is upgraded, these say what moved."""

import inspect
import json
from datetime import datetime
from typing import Any

import moto.core.utils
import moto.dynamodb.models.table
import moto.events.models
import moto.sagemaker.models
import moto.sns.models
import moto.sqs.models
import pytest
from moto.backends import list_of_moto_modules
from moto.core.base_backend import BackendDict
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from moto.moto_api._internal import mock_random
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sns.utils import FilterPolicyMatcher
from werkzeug.datastructures import Headers, MultiDict

SQS: Any = moto.sqs.models
SNS: Any = moto.sns.models
EVENTS: Any = moto.events.models
SAGEMAKER: Any = moto.sagemaker.models
PARSERS: Any = PROTOCOL_PARSERS


def parameters(function) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_time_comes_from_one_function_that_modules_hold_by_name():
    assert parameters(moto.core.utils.utcnow) == []
    assert parameters(moto.core.utils.unix_time) == ["dt"]
    assert parameters(moto.core.utils.unix_time_millis) == ["dt"]
    assert "utcnow()" in inspect.getsource(moto.core.utils.unix_time)
    assert moto.core.utils.unix_time(datetime(1970, 1, 2)) == 86400.0  # noqa: DTZ001  # moto's instants are naive


def test_identifiers_come_from_one_seeded_source():
    mock_random.seed(1)
    first = mock_random.uuid4()
    mock_random.seed(1)

    assert first == mock_random.uuid4()


def test_backends_are_reset_and_listed():
    assert parameters(BackendDict.reset) == []
    assert {"sqs", "sns", "events", "sagemaker", "s3", "dynamodb"} <= set(list_of_moto_modules())


def test_the_dispatcher_takes_an_application_factory_and_patterns():
    dispatcher = DomainDispatcherApplication(create_backend_app)

    assert dispatcher.get_backend_for_host("sqs.us-east-1.amazonaws.com") == "sqs"
    assert dict(dispatcher.backend_url_patterns).get("sqs") is not None
    assert hasattr(MotoRequestHandler, "log_request")


def test_queues_take_messages_through_one_method_that_the_feeder_wraps():
    queue = SQS.Queue
    backend = SQS.SQSBackend

    assert parameters(queue.add_message) == ["self", "message"]
    assert parameters(queue.delete_message) == ["self", "receipt_handle"]
    assert parameters(backend.receive_message) == [
        "self",
        "queue_name",
        "count",
        "wait_seconds_timeout",
        "visibility_timeout",
        "message_attribute_names",
    ]
    assert parameters(backend.is_message_valid_based_on_retention_period) == ["self", "queue_name", "message"]
    assert {"message_attributes", "delay_seconds", "deduplication_id", "group_id"} <= set(
        parameters(backend.send_message)
    )


def test_messages_say_when_they_can_be_received():
    message = SQS.Message("id", "body")

    assert isinstance(SQS.Message.visible, property)
    assert isinstance(SQS.Message.delayed, property)
    assert (0.0, 0.0, 0) == (message.visible_at, message.delayed_until, message.approximate_receive_count)
    for name in ("sent_timestamp", "approximate_first_receive_timestamp", "sender_id", "group_id", "receipt_handle"):
        assert hasattr(message, name)


def test_queues_hold_what_the_metrics_count():
    queue = SQS.Queue("q", "us-east-1", "123456789012")

    assert [] == queue._messages
    assert queue.visibility_timeout == 30
    assert queue.message_retention_period == 4 * 86400
    assert queue.queue_arn == "arn:aws:sqs:us-east-1:123456789012:q"


def test_a_subscription_holds_its_filter_and_attributes():
    backend = SNS.SNSBackend("us-east-1", "123456789012")
    topic = SNS.Topic("t", backend)
    subscription = SNS.Subscription("123456789012", topic, "a@example.com", "email")

    assert subscription._filter_policy_matcher is None
    assert {} == subscription.attributes
    assert subscription.arn.startswith(f"{topic.arn}:")
    assert topic.fifo_topic is False
    assert (parameters(FilterPolicyMatcher.matches)) == ["self", "message_attributes", "message"]
    assert hasattr(backend, "subscriptions")
    assert hasattr(backend, "topics")


def test_rules_hold_pattern_schedule_state_and_targets():
    rule = EVENTS.Rule(
        "r", "123456789012", "us-east-1", None, '{"source": ["s"]}', "rate(1 day)", None, "default", None
    )

    assert rule.event_pattern.get_pattern() == {"source": ["s"]}
    assert rule.event_pattern.matches_event({"source": "s"})
    assert not rule.event_pattern.matches_event({"source": "t"})
    assert (rule.scheduled_expression, rule.state, rule.targets) == ("rate(1 day)", "ENABLED", [])
    assert rule.arn == "arn:aws:events:us-east-1:123456789012:rule/r"
    assert hasattr(EVENTS.EventsBackend("us-east-1", "123456789012"), "event_buses")


@pytest.mark.parametrize(
    "pattern, matches",
    [
        ({"name": [{"prefix": "mlwarden-"}]}, True),
        ({"name": [{"suffix": "-Latency"}]}, True),
        ({"name": [{"anything-but": ["other"]}]}, True),
        ({"name": [{"anything-but": {"prefix": "mlwarden-"}}]}, False),
        ({"name": [{"equals-ignore-case": "MLWARDEN-LATENCY"}]}, True),
        ({"name": [{"wildcard": "ml*-L*y"}]}, True),
        ({"value": [{"numeric": [">", 5, "<=", 7]}]}, True),
        ({"other": [{"exists": False}]}, True),
        ({"name": [{"exists": False}]}, False),
        ({"ip": [{"cidr": "10.0.0.0/8"}]}, True),
        ({"$or": [{"value": [1]}, {"name": [{"prefix": "ml"}]}]}, True),
        ({"name": ["mlwarden-Latency"], "value": [7]}, True),
        ({"name": ["mlwarden-Latency"], "value": [8]}, False),
    ],
)
def test_the_pattern_matcher_knows_the_operators(pattern, matches):
    event = {"name": "mlwarden-Latency", "value": 7, "ip": "10.1.2.3"}

    assert matches == EVENTS.EventPattern.load(json.dumps(pattern)).matches_event(event)


def test_an_endpoint_shows_what_is_put_on_it():
    endpoint = SAGEMAKER.FakeEndpoint(
        "123456789012", "us-east-1", "e", "c", [{"VariantName": "v", "InitialInstanceCount": 1}], {}, []
    )
    endpoint.pending_deployment_summary = {"EndpointConfigName": "d"}

    assert endpoint.response_object["PendingDeploymentSummary"] == {"EndpointConfigName": "d"}
    assert endpoint.endpoint_status == "InService"
    assert {"VariantName", "CurrentInstanceCount", "DesiredInstanceCount"} <= set(endpoint.production_variants[0])
    assert parameters(endpoint._process_production_variants) == ["production_variants"]


def test_instance_types_are_checked_by_one_method():
    assert parameters(SAGEMAKER.FakeEndpointConfig.validate_instance_type)[1:] == ["instance_type"]


def test_requests_are_matched_parsed_and_answered_by_their_models():
    invoke = Request.from_primitives("POST", "http://h/2015-03-31/functions/f/invocations", {}, b"{}")
    operation, uri = get_service_router("lambda").match(invoke)
    publish = get_service_model("sns").operation_model("Publish")
    form = MultiDict({"Action": "Publish", "Message": "m"})
    request = {"method": "POST", "values": form, "headers": Headers(), "body": b"", "url_path": "/", "url_params": {}}
    serializer = get_serializer_class("sns", "query")

    assert ("Invoke", {"FunctionName": "f"}) == (operation.name, uri)
    assert PARSERS["query"](publish).parse(request) == {"Message": "m"}
    written = serializer(operation_model=publish, context=SerializationContext("id")).serialize({"MessageId": "1"})
    assert "<MessageId>1</MessageId>" in written["body"]


def test_queries_look_through_one_method_that_names_what_it_looks_for():
    table = moto.dynamodb.models.table.Table

    assert {"hash_key", "index_name", "hash_key_conditions"} <= set(parameters(table.query))
    assert parameters(table.all_items) == ["self"]
    assert inspect.getsource(table.query).count("self.all_items()") == 2
