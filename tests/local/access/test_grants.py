from typing import Any

from local.access.grants import Grant, granted, unused

ROLE = "arn:aws:iam::123456789012:role/router"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:events"


def test_every_action_on_every_resource_of_an_allow_is_a_grant() -> None:
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:ReceiveMessage"], "Resource": [QUEUE]},
        {"Effect": "Deny", "Action": "sqs:*", "Resource": "*"},
        {"Effect": "Allow", "NotAction": "iam:*", "NotResource": QUEUE},
    ]

    assert granted({ROLE: statements}) == (
        Grant(ROLE, "*", "*"),
        Grant(ROLE, "sqs:ReceiveMessage", QUEUE),
        Grant(ROLE, "sqs:SendMessage", QUEUE),
    )


def test_a_use_counts_for_the_grants_that_it_falls_under_and_for_no_other_role() -> None:
    wide, narrow = Grant(ROLE, "sqs:Send*", "*"), Grant(ROLE, "sqs:ReceiveMessage", QUEUE)
    other = Grant(f"{ROLE}2", "sqs:SendMessage", QUEUE)

    assert unused((wide, narrow, other), [(ROLE, "SQS:SendMessage", QUEUE)]) == (narrow, other)
    assert unused((wide,), [(ROLE, "sqs:SendMessage", QUEUE)]) == ()
