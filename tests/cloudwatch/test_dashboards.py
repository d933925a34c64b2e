import json
from typing import Any

import pytest

from core.cloudwatch.dashboards import check
from local.errors import ServiceError
from tests.cloudwatch.fakes import FakeWorld

ROW = ["AWS/SageMaker", "Invocations", "EndpointName", "ranker", {"stat": "Sum"}]
METRIC: dict[str, Any] = {
    "type": "metric",
    "width": 12,
    "height": 6,
    "properties": {"region": "us-east-1", "metrics": [ROW]},
}


def body(*widgets, **more) -> str:
    return json.dumps({"widgets": list(widgets), **more})


def metric(**properties):
    return METRIC | {"properties": METRIC["properties"] | properties}


ALARM_ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"
GOOD = [
    METRIC,
    {"type": "text", "properties": {"markdown": "# hello"}},
    {"type": "log", "properties": {"region": "us-east-1", "query": "SOURCE 'x' | fields @message"}},
    {"type": "alarm", "properties": {"alarms": [ALARM_ARN]}},
    {"type": "custom", "properties": {"endpoint": "arn:aws:lambda:us-east-1:123456789012:function:f"}},
    metric(metrics=[[{"expression": "m1/m2", "id": "e1"}], ROW, ["...", "other"], [".", "ModelLatency", ".", "."]]),
    metric(view="gauge", yAxis={"left": {"min": 0, "max": 100}}),
]


@pytest.mark.parametrize("widget", GOOD)
def test_good_widgets_have_no_findings(widget):
    assert check(body(widget)) == ()


@pytest.mark.parametrize(
    "widget,path,message",
    [
        (METRIC | {"type": "graph"}, "/widgets/0/type", "one of the allowed values"),
        ({"properties": {}}, "/widgets/0", "Should have required property 'type'"),
        (METRIC | {"width": 25}, "/widgets/0/width", "Should be <= 24"),
        (METRIC | {"width": 0}, "/widgets/0/width", "Should be >= 1"),
        (METRIC | {"height": 1001}, "/widgets/0/height", "Should be <= 1000"),
        (METRIC | {"x": 24}, "/widgets/0/x", "Should be <= 23"),
        (METRIC | {"y": "1"}, "/widgets/0/y", "Should be integer"),
        ({"type": "metric", "properties": {"metrics": [ROW]}}, "/widgets/0/properties", "required property 'region'"),
        (
            {"type": "metric", "properties": {"region": "us-east-1"}},
            "/widgets/0/properties",
            "required property 'metrics'",
        ),
        (
            metric(metrics=[["AWS/X", "M", "OnlyName"]]),
            "/widgets/0/properties/metrics/0",
            "Should NOT have more than 2 items",
        ),
        (
            metric(metrics=[["AWS/X", "M", {"a": 1}, "v"]]),
            "/widgets/0/properties/metrics/0/2",
            "only 'String' type is allowed",
        ),
        (metric(metrics=[ROW] * 501), "/widgets/0/properties/metrics", "more than 500 items"),
        (metric(view="scatter"), "/widgets/0/properties/view", "one of the allowed values"),
        (metric(view="gauge"), "/widgets/0/properties/yAxis/left", "required property 'min'"),
        (metric(period=90), "/widgets/0/properties/period", "multiple of 60"),
        ({"type": "text", "properties": {}}, "/widgets/0/properties", "required property 'markdown'"),
        ({"type": "alarm", "properties": {"alarms": ["a"]}}, "/widgets/0/properties/alarms/0", "ARN of an alarm"),
        (
            {"type": "alarm", "properties": {"alarms": [ALARM_ARN] * 101}},
            "/widgets/0/properties/alarms",
            "more than 100",
        ),
        ("text", "/widgets/0", "Should be object"),
    ],
)
def test_a_bad_widget_is_named_by_its_path(widget, path, message):
    finding = check(body(widget))[0]

    assert finding.is_error
    assert (finding.path, message in finding.message) == (path, True), finding


@pytest.mark.parametrize(
    "text,message",
    [
        ("not json", "must be a valid JSON object"),
        ("[]", "must be a valid JSON object"),
        ("{}", "required property 'widgets'"),
        (body(*[METRIC] * 501), "more than 500 items"),
        (body(METRIC, periodOverride="always"), "one of the allowed values: auto, inherit"),
    ],
)
def test_a_bad_body_is_refused_with_awss_code(text, message):
    world = FakeWorld()

    with pytest.raises(ServiceError) as refused:
        world.call("PutDashboard", DashboardName="d", DashboardBody=text)

    assert refused.value.code == "InvalidParameterInput"
    assert message in refused.value.message
    assert world.call("ListDashboards")["DashboardEntries"] == []


def test_unknown_properties_are_warned_of_and_kept():
    world = FakeWorld()
    text = body(METRIC | {"colour": "red"})

    answer = world.call("PutDashboard", DashboardName="d", DashboardBody=text)

    assert answer["DashboardValidationMessages"][0]["DataPath"] == "/widgets/0/colour"
    assert world.call("GetDashboard", DashboardName="d")["DashboardBody"] == text


def test_dashboards_are_listed_and_deleted():
    world = FakeWorld()
    for name in ("mlwarden-b", "mlwarden-a", "other"):
        world.call("PutDashboard", DashboardName=name, DashboardBody=body(METRIC))

    listed = world.call("ListDashboards", DashboardNamePrefix="mlwarden-")["DashboardEntries"]
    with pytest.raises(ServiceError) as unknown:
        world.call("DeleteDashboards", DashboardNames=["other", "nothing"])
    world.call("DeleteDashboards", DashboardNames=["mlwarden-a", "mlwarden-b"])

    assert [entry["DashboardName"] for entry in listed] == ["mlwarden-a", "mlwarden-b"]
    assert listed[0]["DashboardArn"] == "arn:aws:cloudwatch::123456789012:dashboard/mlwarden-a"
    assert (unknown.value.code, unknown.value.status) == ("ResourceNotFound", 404)
    assert [entry["DashboardName"] for entry in world.call("ListDashboards")["DashboardEntries"]] == ["other"]


def test_a_name_with_a_slash_is_refused():
    with pytest.raises(ServiceError, match="invalid characters"):
        FakeWorld().call("PutDashboard", DashboardName="a/b", DashboardBody=body(METRIC))
