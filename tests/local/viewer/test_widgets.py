from local.viewer.widgets import Line, lines, series


def test_a_plain_row_becomes_a_metric_query_with_the_widgets_statistic_and_period() -> None:
    properties = {"metrics": [["AWS/SageMaker", "Invocations", "EndpointName", "ranker"]], "stat": "Sum", "period": 60}

    (row,) = series(properties)

    assert row.query == {
        "Id": "row0",
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/SageMaker",
                "MetricName": "Invocations",
                "Dimensions": [{"Name": "EndpointName", "Value": "ranker"}],
            },
            "Period": 60,
            "Stat": "Sum",
        },
        "ReturnData": True,
    }


def test_dots_repeat_the_row_above() -> None:
    properties = {
        "metrics": [
            ["AWS/SageMaker", "Invocation5XXErrors", "EndpointName", "ranker", "VariantName", "a"],
            [".", "Invocation4XXErrors", ".", ".", ".", "b"],
            ["...", "c"],
        ]
    }

    metrics = [row.query["MetricStat"]["Metric"] for row in series(properties)]

    assert [metric["MetricName"] for metric in metrics] == [
        "Invocation5XXErrors",
        "Invocation4XXErrors",
        "Invocation4XXErrors",
    ]
    assert [metric["Dimensions"][1]["Value"] for metric in metrics] == ["a", "b", "c"]
    assert all(metric["Dimensions"][0] == {"Name": "EndpointName", "Value": "ranker"} for metric in metrics)


def test_an_expression_row_is_asked_as_an_expression_and_a_hidden_one_is_not_drawn() -> None:
    properties = {
        "metrics": [
            [{"expression": "m/1000", "id": "ms", "label": "p99"}],
            ["AWS/SageMaker", "ModelLatency", "EndpointName", "ranker", {"id": "m", "stat": "p99", "visible": False}],
        ]
    }

    shown, hidden = series(properties)

    assert shown.query["Expression"] == "m/1000"
    assert (shown.visible, hidden.visible) == (True, False)
    assert hidden.query["MetricStat"]["Stat"] == "p99"


def test_horizontal_annotations_are_the_thresholds() -> None:
    properties = {"annotations": {"horizontal": [{"value": 500, "label": "objective"}]}}

    assert lines(properties) == (Line(value=500.0, label="objective"),)


def test_an_expression_has_the_longest_period_of_what_it_is_computed_from() -> None:
    properties = {
        "period": 60,
        "metrics": [
            [{"expression": "fast / slow", "id": "rate"}],
            ["App", "Fast", {"id": "fast", "visible": False}],
            ["App", "Slow", {"id": "slow", "visible": False, "period": 300}],
        ],
    }

    rate, fast, slow = series(properties)

    assert [300, 60, 300] == [rate.period, fast.period, slow.period]
