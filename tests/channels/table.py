"""The incident table under moto, with an incident that runs."""

from datetime import UTC, datetime
from typing import Any

from core.incidents import instants, keys, record
from core.incidents.group import Group
from lambdas.adapters import clients

REGION, NAME = "us-east-1", "incidents"
NOW = datetime(2026, 11, 21, 14, 8, 10, tzinfo=UTC)
OPENED = datetime(2026, 11, 21, 14, 2, 10, tzinfo=UTC)
INCIDENT = "INC-20261121-0a1b2c3d"
GROUP = 'root:{kind="endpoint", subject="ranker"}'
LABELS = (("kind", "endpoint"), ("subject", "ranker"))


def client() -> Any:
    """The functions' own, for making one takes long."""
    return clients.client("dynamodb")


def create(name: str = NAME) -> None:
    indexes = (
        ("due", "due_shard", "due_at"),
        ("firing", "firing_shard", "firing_since"),
        ("open", "open_shard", "opened_at"),
    )
    named = {"pk", "sk", *(one for _, *pair in indexes for one in pair)}
    client().create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": one, "AttributeType": "S"} for one in sorted(named)],
        KeySchema=schema("pk", "sk"),
        GlobalSecondaryIndexes=[
            {"IndexName": index, "KeySchema": schema(*pair), "Projection": {"ProjectionType": "ALL"}}
            for index, *pair in indexes
        ],
    )


def schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def put(place: tuple[str, str], **attributes: str | int) -> None:
    item: dict[str, str | int] = {"pk": place[0], "sk": place[1], **attributes}
    client().put_item(
        TableName=NAME,
        Item={name: {"S" if isinstance(value, str) else "N": str(value)} for name, value in item.items()},
    )


def open_incident(identity: str = INCIDENT, **more: str) -> None:
    """An incident that runs, and its group."""
    values = {
        "group": GROUP,
        "receiver": "topics",
        "subject": "endpoint/ranker",
        "title": "too many requests fail",
        "owner": "ml-platform",
        "severity": "critical",
        "opened_at": instants.show(OPENED),
        "open_shard": "open",
        **more,
    }
    put(keys.incident(identity), **{name: value for name, value in values.items() if value})
    group = Group(GROUP, "root", "topics", LABELS, version=1, incident=identity, opened_at=OPENED)
    put(keys.group(GROUP), document=record.encode_group(group))


def items() -> list[dict[str, Any]]:
    """Every item, as text by attribute."""
    found = client().scan(TableName=NAME, ConsistentRead=True)["Items"]
    return [{name: next(iter(value.values())) for name, value in item.items()} for item in found]


def kinds() -> list[str]:
    """The kinds of the items that are there: what stands before the first # of sort or partition key."""
    return sorted(item["sk"].partition("#")[0] for item in items())
