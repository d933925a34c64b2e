import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local import patterns

EVENT = {
    "source": "aws.cloudwatch",
    "resources": ["arn:a", "arn:b"],
    "detail": {
        "alarmName": "mlwarden-demo-ranker-Unhealthy",
        "state": {"value": "ALARM", "reason": None},
        "count": 300,
        "flag": True,
        "address": "10.0.0.7",
        "empty": [],
        "text": "a*b\\c",
        "metrics": [{"id": "m1", "stat": "p99"}, {"id": "m2", "stat": "Sum"}],
    },
}


def matches(pattern: Any) -> bool:
    return patterns.read(json.dumps(pattern)).matches(EVENT)


def detail(**fields: Any) -> bool:
    return matches({"detail": fields})


@pytest.mark.parametrize(
    "pattern,expected",
    [
        ({"source": ["aws.cloudwatch", "other"]}, True),
        ({"source": ["aws"]}, False),
        ({"resources": ["arn:b"]}, True),
        ({"resources": [{"prefix": "arn:"}]}, True),
        ({"resources": [{"anything-but": "arn:a"}]}, True),
        ({"$or": [{"source": ["x"]}, {"detail": {"count": [300]}}]}, True),
        ({"$or": [{"source": ["x"]}, {"source": ["y"]}], "resources": ["arn:a"]}, False),
        ({"none": [{"exists": False}], "source": [{"exists": True}]}, True),
        ({"none": {"deeper": [{"exists": False}]}}, True),
        ({"detail": [{"exists": True}]}, False),
    ],
)
def test_a_pattern_matches_an_event_when_each_of_its_fields_does(pattern: Any, expected: bool) -> None:
    assert matches(pattern) is expected


@pytest.mark.parametrize(
    "name,value,expected",
    [
        ("alarmName", {"prefix": "mlwarden-demo-"}, True),
        ("alarmName", {"prefix": {"equals-ignore-case": "MLWARDEN-"}}, True),
        ("alarmName", {"suffix": "Unhealthy"}, True),
        ("alarmName", {"suffix": "unhealthy"}, False),
        ("alarmName", {"suffix": {"equals-ignore-case": "unhealthy"}}, True),
        ("alarmName", {"equals-ignore-case": "MLWARDEN-DEMO-RANKER-UNHEALTHY"}, True),
        ("alarmName", {"wildcard": "mlwarden-*-Unhealthy"}, True),
        ("alarmName", {"wildcard": "*ranker"}, False),
        ("text", {"wildcard": "a\\*b\\\\*"}, True),
        ("alarmName", {"anything-but": {"prefix": "mlwarden-"}}, False),
        ("alarmName", {"anything-but": {"suffix": ["x", "Unhealthy"]}}, False),
        ("alarmName", {"anything-but": {"wildcard": "*-prod-*"}}, True),
        ("alarmName", {"anything-but": ["a", "b"]}, True),
        ("gone", {"anything-but": ["a", "b"]}, False),
        ("count", 300, True),
        ("count", 300.0, False),
        ("count", "300", False),
        ("count", {"numeric": ["=", 300.0]}, True),
        ("count", {"numeric": [">", 0, "<=", 300]}, True),
        ("count", {"numeric": [">", 300]}, False),
        ("count", {"anything-but": [1, 2]}, True),
        ("flag", True, True),
        ("flag", 1, False),
        ("flag", {"numeric": ["=", 1]}, False),
        ("address", {"cidr": "10.0.0.0/24"}, True),
        ("address", {"cidr": "10.0.1.0/24"}, False),
        ("empty", {"exists": False}, True),
        ("gone", None, False),
    ],
)
def test_each_operator_decides(name: str, value: Any, expected: bool) -> None:
    assert detail(**{name: [value]}) is expected


def test_null_matches_null_and_an_array_of_objects_matches_by_one_of_them() -> None:
    assert detail(state={"reason": [None]})
    assert detail(metrics={"id": ["m1"], "stat": ["p99"]})
    assert not detail(metrics={"id": ["m1"], "stat": ["Sum"]})


@pytest.mark.parametrize(
    "text,reason",
    [
        ("{", "Invalid JSON"),
        ("[]", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"a": []}', "Empty arrays are not allowed"),
        ('{"a": "b"}', "'a' must be an object or an array"),
        ('{"a": [["b"]]}', "Match value must be String, number, true, false, or null"),
        ('{"a": [{"regex": "b"}]}', "Unrecognized match type regex"),
        ('{"a": [{"prefix": "b", "suffix": "c"}]}', "Only one key allowed"),
        ('{"a": [{"prefix": 1}]}', "prefix match pattern must be a string"),
        ('{"a": [{"exists": "yes"}]}', "must be either true or false"),
        ('{"a": [{"numeric": "5"}]}', "Value of numeric must be an array"),
        ('{"a": [{"numeric": ["!", 5]}]}', "Unrecognized numeric range operator: !"),
        ('{"a": [{"numeric": [">", "5"]}]}', "Value of > must be numeric"),
        ('{"a": [{"numeric": [">", 5, "<", 5]}]}', "Bottom must be less than top"),
        ('{"a": [{"numeric": ["<", 5, ">", 1]}]}', "Bad numeric range operator"),
        ('{"a": [{"wildcard": "a**"}]}', "Consecutive wildcard characters at pos 1"),
        ('{"a": [{"cidr": "10.0.0"}]}', "Malformed CIDR"),
        ('{"a": [{"anything-but": ["a", 1]}]}', "mixed type is not supported"),
        ('{"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}', "Unsupported anything-but pattern: cidr"),
        ('{"$or": [{"a": ["b"]}]}', "at least 2 Objects"),
    ],
)
def test_a_pattern_that_eventbridge_refuses_says_why(text: str, reason: str) -> None:
    with pytest.raises(patterns.PatternError, match=reason):
        patterns.read(text)


@given(st.text(), st.text())
def test_prefix_and_what_is_anything_but_it_are_opposites(text: str, prefix: str) -> None:
    starts = patterns.read(json.dumps({"a": [{"prefix": prefix}]})).matches({"a": text})
    other = patterns.read(json.dumps({"a": [{"anything-but": {"prefix": prefix}}]})).matches({"a": text})

    assert starts is text.startswith(prefix)
    assert other is not starts
