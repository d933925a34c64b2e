"""SageMaker's documented events: every kind through rules and targets, and the double's own against the samples."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import patterns
from local.clients import Clients
from tests.local.engine.conftest import ACCOUNT, allow

SAMPLES = Path(__file__).parent / "data" / "events"
NAMES = sorted(path.stem for path in SAMPLES.glob("sagemaker-*.json"))
EVENTS = "events.amazonaws.com"
OURS = ("id", "account", "time", "region")
"""What the bus that an event is put on adds."""


def sample(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    return event


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The texts, numbers and booleans of an object, with the keys that lead there; lists are left out."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, (*path, key))
    elif not isinstance(value, list):
        yield path, value


def pattern_of(event: dict[str, Any]) -> dict[str, Any]:
    """A pattern that asks for the kind, the source and every leaf of the detail."""
    found: dict[str, Any] = {"source": [event["source"]], "detail-type": [event["detail-type"]]}
    for path, value in leaves({"detail": event["detail"]}):
        node = found
        for key in path[:-1]:
            node = node.setdefault(key, {})
        node[path[-1]] = [value]
    return found


def put(world: Any, event: dict[str, Any]) -> None:
    world.events.put(
        source=event["source"],
        detail_type=event["detail-type"],
        detail=event["detail"],
        resources=event["resources"],
    )


@pytest.fixture
def inboxes(client, bodies, advance):
    """Makes a rule and a queue for each sample, puts all of them, and gives what each queue received."""

    def through(world: Any, targets: dict[str, dict[str, Any]]) -> dict[str, list[Any]]:
        events, sqs, urls = client("events"), client("sqs"), {}
        for name, target in targets.items():
            arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"
            policy = allow(EVENTS, "sqs:SendMessage", arn)
            urls[name] = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
            events.put_rule(Name=name[-64:], EventPattern=json.dumps(pattern_of(sample(name))))
            events.put_targets(Rule=name[-64:], Targets=[{"Id": "q", "Arn": arn, **target}])
        for name in targets:
            put(world, sample(name))
        advance(seconds=0)
        return {name: [json.loads(body) for body in bodies(url)] for name, url in urls.items()}

    return through


def without(event: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in keys}


def test_every_documented_kind_is_there():
    assert len(NAMES) == 21
    assert len({sample(name)["detail-type"] for name in NAMES}) == 18


def test_a_sample_is_matched_by_its_own_fields_alone_and_arrives_whole(running, inboxes):
    received = inboxes(running.world, {name: {} for name in NAMES})

    for name, events in received.items():
        (event,) = events
        assert without(event, *OURS) == without(sample(name), *OURS)
        assert (event["account"], event["region"]) == (ACCOUNT, "us-east-1")


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_with_one_other_field_is_not_matched(name):
    event = sample(name)
    paths = [path for path, _ in leaves({"detail": event["detail"]})]
    pattern = patterns.read(json.dumps(pattern_of(event)))

    for path in paths:
        other = json.loads(json.dumps(event))
        node = other
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = "something else"
        assert not pattern.matches(other), path


def test_a_sample_is_transformed_by_the_paths_of_its_fields(running, inboxes):
    targets, wanted = {}, {}
    for name in NAMES:
        fields = [each for each in leaves(sample(name)["detail"]) if all(part.isidentifier() for part in each[0])]
        paths = {f"v{number}": "$.detail." + ".".join(path) for number, (path, _) in enumerate(fields)}
        paths["kind"] = "$.detail-type"
        template = "{" + ", ".join(f'"{key}": <{key}>' for key in paths) + "}"
        targets[name] = {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}
        wanted[name] = {f"v{number}": value for number, (_, value) in enumerate(fields)}
        wanted[name]["kind"] = sample(name)["detail-type"]

    received = inboxes(running.world, targets)

    assert received == {name: [value] for name, value in wanted.items()}


# ------------------------------------------------------------- the double's own events

INSTANTS = ("CreationTime", "LastModifiedTime", "StartTime")


def comparable(value: Any, key: str = "") -> Any:
    """An event with what differs from run to run replaced by its type: instants, and the case of names in ARNs."""
    if isinstance(value, dict):
        return {name: comparable(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [comparable(each) for each in value]
    if key in INSTANTS:
        return type(value).__name__
    if isinstance(value, str) and value.startswith("arn:"):
        return value.lower().replace("651393343886", ACCOUNT)
    return value


@pytest.fixture
def oregon(running):
    """Clients of the region of AWS's samples; everything that happens to endpoints goes to a queue."""
    clients = Clients(url=running.url, region="us-west-2")
    arn = f"arn:aws:sqs:us-west-2:{ACCOUNT}:inbox"
    policy = allow(EVENTS, "sqs:SendMessage", arn)
    clients.get("sqs").create_queue(QueueName="inbox", Attributes={"Policy": policy})
    clients.get("events").put_rule(Name="r", EventPattern='{"source": ["aws.sagemaker"]}')
    clients.get("events").put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
    yield clients
    clients.close()


@pytest.fixture
def emitted(oregon, advance):
    """The events so far, by detail-type and status; the last of each."""

    def read(kind: str, status: str) -> dict[str, Any]:
        advance(seconds=0)
        sqs, found = oregon.get("sqs"), []
        url = sqs.get_queue_url(QueueName="inbox")["QueueUrl"]
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(message["Body"]) for message in messages]
        wanted: list[dict[str, Any]] = [
            each for each in found if (each["detail-type"], each["detail"]["EndpointStatus"]) == (kind, status)
        ]
        assert wanted, [(each["detail-type"], each["detail"]["EndpointStatus"]) for each in found]
        return wanted[-1]

    return read


def configure(oregon: Clients, name: str, **variant: Any) -> None:
    sagemaker = oregon.get("sagemaker")
    if not sagemaker.list_models()["Models"]:
        sagemaker.create_model(ModelName="m", ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/SageMaker")
    fixed = {"VariantName": "AllTraffic", "ModelName": "m", "InstanceType": "ml.g5.xlarge", "InitialVariantWeight": 1}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[fixed | variant])


def create(oregon: Clients) -> None:
    configure(oregon, "MyEndpointConfig", InitialInstanceCount=1)
    oregon.get("sagemaker").create_endpoint(EndpointName="MyEndpoint", EndpointConfigName="MyEndpointConfig")


@pytest.mark.parametrize(
    "name,status",
    [
        ("sagemaker-endpoint-state-change-creating", "CREATING"),
        ("sagemaker-endpoint-state-change", "IN_SERVICE"),
        ("sagemaker-endpoint-state-change-updating", "UPDATING"),
        ("sagemaker-endpoint-state-change-failed", "FAILED"),
    ],
)
def test_an_endpoints_state_change_equals_its_sample(running, oregon, emitted, advance, name, status):
    wanted = sample(name)
    create(oregon)
    if status != "CREATING":
        advance(minutes=4)
    if status == "UPDATING":
        oregon.get("sagemaker").update_endpoint(EndpointName="MyEndpoint", EndpointConfigName="MyEndpointConfig")
    if status == "FAILED":
        running.world.at("us-west-2").sagemaker.fail("MyEndpoint", wanted["detail"]["FailureReason"])

    event = emitted("SageMaker Endpoint State Change", status)

    assert comparable(without(event, "id", "time")) == comparable(without(wanted, "id", "time"))
    assert set(event) == set(wanted)


def test_a_deployments_state_change_equals_its_sample(oregon, emitted, advance):
    wanted = sample("sagemaker-endpoint-deployment-state-change")
    for number in (1, 2):
        configure(oregon, f"sample-endpoint-config-{number}", InitialInstanceCount=3)
    sagemaker = oregon.get("sagemaker")
    sagemaker.create_endpoint(EndpointName="sample-endpoint", EndpointConfigName="sample-endpoint-config-1")
    advance(minutes=4)
    canary = {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 600,
        "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
    }
    sagemaker.update_endpoint(
        EndpointName="sample-endpoint",
        EndpointConfigName="sample-endpoint-config-2",
        DeploymentConfig={"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary}},
    )
    advance(minutes=3)

    event = emitted("SageMaker Endpoint Deployment State Change", "UPDATING")

    (status,) = wanted["detail"]["PendingDeploymentSummary"]["ProductionVariants"][0]["VariantStatus"]
    status["StatusMessage"] = status["StatusMessage"].replace("TerminationWait", "WaitInterval")
    assert comparable(without(event, "id", "time")) == comparable(without(wanted, "id", "time"))
    assert set(event) == set(wanted)
