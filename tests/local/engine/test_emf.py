import json
from typing import Any

from local import emf

LINE: dict[str, Any] = {
    "_aws": {
        "Timestamp": 1795168800000,
        "CloudWatchMetrics": [
            {
                "Namespace": "mlwarden",
                "Dimensions": [["Stage"], []],
                "Metrics": [{"Name": "Heartbeat", "Unit": "Count"}],
            }
        ],
    },
    "Stage": "test",
    "Heartbeat": [1.0],
}


def test_a_line_gives_one_datum_a_dimension_set():
    ((namespace, datums),) = emf.datums(json.dumps(LINE))

    assert namespace == "mlwarden"
    assert [[{"Name": "Stage", "Value": "test"}], []] == [datum["Dimensions"] for datum in datums]
    assert {
        "MetricName": "Heartbeat",
        "Dimensions": [],
        "Timestamp": 1795168800.0,
        "Unit": "Count",
        "StorageResolution": 60,
        "Value": 1.0,
    } == datums[1]


def test_several_numbers_become_values_and_counts():
    ((_, datums),) = emf.datums(json.dumps(LINE | {"Heartbeat": [1, 2, 4]}))

    assert [1.0, 2.0, 4.0] == datums[0]["Values"]
    assert [1.0, 1.0, 1.0] == datums[0]["Counts"]


def test_several_directives_keep_their_namespaces():
    directive = LINE["_aws"]["CloudWatchMetrics"][0]
    two = LINE | {"_aws": LINE["_aws"] | {"CloudWatchMetrics": [directive, directive | {"Namespace": "other"}]}}

    assert ["mlwarden", "other"] == [namespace for namespace, _ in emf.datums(json.dumps(two))]


def test_a_line_that_is_no_metric_gives_nothing():
    for line in ("plain text", '{"level": "INFO"}', '{"_aws": 1}', '["_aws"]', '{"_aws": {"Timestamp": "now"}}'):
        assert emf.datums(line) == ()


def test_a_malformed_part_is_passed_over():
    wrong = [
        LINE | {"Heartbeat": "high"},
        LINE | {"Heartbeat": True},
        LINE | {"Heartbeat": [1.0] * (emf.MAX_VALUES + 1)},
        {key: value for key, value in LINE.items() if key != "Heartbeat"},
    ]

    for document in wrong:
        assert emf.datums(json.dumps(document)) == ()


def test_a_dimension_without_value_leaves_out_its_set_alone():
    ((_, datums),) = emf.datums(json.dumps({key: value for key, value in LINE.items() if key != "Stage"}))

    assert [[]] == [datum["Dimensions"] for datum in datums]
