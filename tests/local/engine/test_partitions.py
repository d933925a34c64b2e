"""Queries of a table with many partitions: what moto would find among all items is found in one."""

import boto3
import pytest
from moto import mock_aws

from local import partitions

REGION = "us-east-1"


@pytest.fixture
def dynamodb(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("dynamodb", region_name=REGION)
        client.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "shard")],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "due",
                    "KeySchema": [
                        {"AttributeName": "shard", "KeyType": "HASH"},
                        {"AttributeName": "sk", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        for number in range(12):
            item = {"pk": {"S": f"p{number % 3}"}, "sk": {"S": f"s{number:02d}"}}
            shard = {"shard": {"S": f"h{number % 2}"}} if number % 4 else {}
            client.put_item(TableName="t", Item=item | shard)
        yield client


def found(client, condition, values, **more):
    names = {f":{name}": {"S": value} for name, value in values.items()}
    pages = client.get_paginator("query").paginate(
        TableName="t", KeyConditionExpression=condition, ExpressionAttributeValues=names, **more
    )
    return [(item["pk"]["S"], item["sk"]["S"]) for page in pages for item in page["Items"]]


QUERIES: tuple[tuple[str, dict[str, str], dict[str, object]], ...] = (
    ("pk = :p", {"p": "p1"}, {}),
    ("pk = :p", {"p": "nobody"}, {}),
    ("pk = :p AND begins_with(sk, :s)", {"p": "p1", "s": "s0"}, {"ScanIndexForward": False}),
    ("pk = :p AND sk BETWEEN :a AND :b", {"p": "p2", "a": "s03", "b": "s09"}, {"PaginationConfig": {"PageSize": 1}}),
    ("shard = :h", {"h": "h1"}, {"IndexName": "due"}),
    ("shard = :h AND sk <= :s", {"h": "h0", "s": "s06"}, {"IndexName": "due"}),
)


@pytest.mark.parametrize("condition, values, more", QUERIES)
def test_a_query_finds_what_moto_finds_in_the_same_order(dynamodb, condition, values, more):
    expected = found(dynamodb, condition, values, **more)

    partitions.follow()
    try:
        assert found(dynamodb, condition, values, **more) == expected
    finally:
        partitions.release()


def test_a_scan_still_finds_every_item(dynamodb):
    partitions.follow()
    try:
        assert len(dynamodb.scan(TableName="t")["Items"]) == 12
    finally:
        partitions.release()
