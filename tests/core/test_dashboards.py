import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.catalogue import alarms, dashboards, metrics, platform
from core.catalogue.alarm import Delivery, MetricAlarm, Subject
from core.catalogue.dashboards import Dashboard
from core.catalogue.lint import legal_statistic
from core.catalogue.widgets import Box, place
from core.cloudwatch.expression import parse, references
from core.cloudwatch.limits import MAX_WIDGET_METRICS, MAX_WIDGETS
from core.config import Config
from tests.core.configurations import ENDPOINT, GPU_HOST, NAMES, configured, shipped

REGION = "eu-west-1"
PREFIX = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
MAX_METRICS = 2_500  # Dashboard Body Structure and Syntax

LARGE = [
    *(f'[[endpoints]]\nname = "e{n}"\ninstance_type = "ml.g5.48xlarge"\np99_ms = 100' for n in range(160)),
    *(f'[[hosts]]\nname = "h{n}"\ninstance_id = "i-{n:017x}"\ngpus = 16' for n in range(60)),
    '[agent]\ndisk_paths = ["/", "/a", "/b", "/c", "/d"]',
]


def boards(config: Config) -> tuple[Dashboard, ...]:
    return (
        *dashboards.compute(config, region=REGION, alarm_arn_prefix=PREFIX),
        dashboards.platform_dashboard(config, NAMES, region=REGION, alarm_arn_prefix=PREFIX),
    )


def every_board() -> Iterator[Any]:
    configurations = {
        "default": shipped("default.toml"),
        "production": shipped("example-production.toml"),
        "bare": configured(),
        "large": configured(*LARGE),
    }
    for name, config in configurations.items():
        for board in boards(config):
            if name != "large" or not re.search(r"-e[1-9]", board.name):
                yield pytest.param(board, id=f"{name}-{board.name}")


EVERY = list(every_board())


def board(config: Config, name: str) -> dict[str, Any]:
    return next(one.body for one in boards(config) if one.name == name)


def widget(body: dict[str, Any], title: str) -> dict[str, Any]:
    return next(one["properties"] for one in body["widgets"] if one["properties"].get("title") == title)


def metric_widgets(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (one["properties"] for one in body["widgets"] if one["type"] == "metric")


def covered(entry: dict[str, Any]) -> set[tuple[int, int]]:
    across = range(entry["x"], entry["x"] + entry["width"])
    down = range(entry["y"], entry["y"] + entry["height"])
    return {(x, y) for x in across for y in down}


def rows(properties: dict[str, Any]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    return ((row[:-1], row[-1]) for row in properties["metrics"])


@given(rows=st.lists(st.lists(st.tuples(st.integers(1, 24), st.integers(1, 9)), max_size=6), max_size=5))
def test_boxes_of_any_size_fit_the_grid_in_their_order(rows):
    boxes = [[Box(width, height, "text", {}) for width, height in row] for row in rows]

    placed = place(boxes)

    assert [box.width for row in boxes for box in row] == [entry["width"] for entry in placed]
    cells = [cell for entry in placed for cell in covered(entry)]
    assert len(set(cells)) == len(cells)
    assert all(x < 24 for x, _ in cells)


def test_there_is_one_for_the_fleet_each_variant_the_hosts_and_mlwarden_itself():
    assert [
        "mlwarden-demo-fleet",
        "mlwarden-demo-endpoint-ranker",
        "mlwarden-demo-endpoint-embedder",
        "mlwarden-demo-hosts",
        "mlwarden-demo-platform",
    ] == [one.name for one in boards(shipped("default.toml"))]


def test_a_deployment_of_nothing_still_has_its_fleet_and_itself():
    assert ["mlwarden-test-fleet", "mlwarden-test-platform"] == [one.name for one in boards(configured())]


@pytest.mark.parametrize(
    "config", [shipped("default.toml"), shipped("example-production.toml")], ids=["default", "production"]
)
def test_every_alarms_subject_leads_to_a_dashboard_that_exists(config):
    names = {one.name for one in boards(config)}

    for alarm in (*alarms.compute(config), *platform.alarms(config, NAMES)):
        assert dashboards.dashboard_name(config.deployment.stage, alarm.subject) in names


def test_names_differ_even_where_an_endpoint_is_called_hosts():
    config = configured(ENDPOINT.replace("ranker", "hosts"), GPU_HOST)

    names = [one.name for one in boards(config)]
    assert len(set(names)) == len(names)


def test_many_endpoints_and_hosts_are_spread_over_several():
    names = {one.name for one in boards(configured(*LARGE))}

    assert {"mlwarden-test-fleet", "mlwarden-test-fleet-2"} <= names
    assert {"mlwarden-test-hosts", "mlwarden-test-hosts-2", "mlwarden-test-hosts-3"} <= names
    assert dashboards.dashboard_name("test", Subject("host", "h59")) in names


@pytest.mark.parametrize("one", EVERY)
def test_widgets_lie_on_the_grid_and_none_over_another(one):
    taken: set[tuple[int, int]] = set()

    for entry in one.body["widgets"]:
        assert 0 <= entry["x"] <= 24 - entry["width"], entry["properties"].get("title")
        cells = covered(entry)
        assert not cells & taken, entry["properties"].get("title")
        taken |= cells


@pytest.mark.parametrize("one", EVERY)
def test_a_dashboard_is_within_cloudwatchs_limits(one):
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,255}", one.name)
    assert 0 < len(one.body["widgets"]) <= MAX_WIDGETS
    stored = [sum(1 for fields, _ in rows(each) if fields) for each in metric_widgets(one.body)]
    assert all(len(each["metrics"]) <= MAX_WIDGET_METRICS for each in metric_widgets(one.body))
    assert sum(stored) <= MAX_METRICS
    json.dumps(one.body)


@pytest.mark.parametrize("one", EVERY)
def test_every_series_is_one_that_exists(one):
    for properties in metric_widgets(one.body):
        for fields, options in rows(properties):
            if not fields:
                continue
            namespace, name, *dimensions = fields
            metric = metrics.find(namespace, name)
            assert metric is not None, fields
            assert frozenset(dimensions[::2]) in metric.dimension_sets, fields
            assert all(dimensions[1::2]), fields
            assert legal_statistic(options["stat"], metric.statistics), (name, options)
            assert options["period"] % 60 == 0


@pytest.mark.parametrize("one", EVERY)
def test_every_expression_can_be_computed_from_its_own_widget(one):
    for properties in metric_widgets(one.body):
        ids = [options["id"] for _, options in rows(properties)]
        assert len(set(ids)) == len(ids), properties["title"]
        assert all(re.fullmatch(r"[a-z][A-Za-z0-9_]*", id_) for id_ in ids)
        for fields, options in rows(properties):
            if not fields:
                assert {ref.id for ref in references(parse(options["expression"]))} <= set(ids)


@pytest.mark.parametrize("one", EVERY)
def test_every_graph_has_a_title_a_region_a_unit_and_labelled_lines(one):
    for properties in metric_widgets(one.body):
        assert properties["title"]
        assert REGION == properties["region"]
        shown = [options for _, options in rows(properties) if options.get("visible", True)]
        assert shown, properties["title"]
        assert all(options["label"] for options in shown)
        if properties["view"] == "timeSeries":
            assert properties["yAxis"]["left"]["label"]
            assert 0 == properties["yAxis"]["left"]["min"]
            right = any(options.get("yAxis") == "right" for options in shown)
            assert right == ("right" in properties["yAxis"])


@pytest.mark.parametrize("one", EVERY)
def test_a_text_comes_first_with_owner_and_runbooks_and_alarms_follow(one):
    first, *rest = one.body["widgets"]

    assert "text" == first["type"]
    assert "owner **" in first["properties"]["markdown"]
    assert "/runbooks" in first["properties"]["markdown"]
    lights = [entry for entry in rest if entry["type"] == "alarm"]
    assert all(0 < len(entry["properties"]["alarms"]) <= 100 for entry in lights)
    assert all(arn.startswith(PREFIX) for entry in lights for arn in entry["properties"]["alarms"])


def test_the_parents_light_is_the_first():
    body = board(configured(ENDPOINT), "mlwarden-test-endpoint-ranker")

    lights = next(entry for entry in body["widgets"] if entry["type"] == "alarm")
    assert f"{PREFIX}mlwarden-test-ranker-Unhealthy" == lights["properties"]["alarms"][0]


def test_every_alarm_that_tells_of_trouble_has_a_light():
    config = configured(ENDPOINT, GPU_HOST)

    lit = {
        arn
        for one in boards(config)
        for entry in one.body["widgets"]
        if entry["type"] == "alarm"
        for arn in entry["properties"]["alarms"]
    }
    every = (*alarms.compute(config), *platform.alarms(config, NAMES))
    assert {f"{PREFIX}{alarm.name}" for alarm in every if alarm.delivery is not Delivery.SILENT} == lit


def test_latency_is_drawn_in_milliseconds_against_its_objective():
    body = board(configured(ENDPOINT), "mlwarden-test-endpoint-ranker")

    latency = widget(body, "Model latency")
    shown = [options for _, options in rows(latency) if options.get("visible", True)]
    assert ["p99", "p90", "p50"] == [options["label"] for options in shown]
    assert all(options["expression"].endswith(" / 1000") for options in shown)
    assert "ms" == latency["yAxis"]["left"]["label"]
    assert [250] == [line["value"] for line in latency["annotations"]["horizontal"]]


def test_error_rates_are_drawn_as_measured_beside_the_alarms_thresholds():
    """The alarm's expression is 0 in a minute that has only begun: its line would fall to 0 amid an incident."""
    drawn = widget(board(configured(ENDPOINT), "mlwarden-test-endpoint-ranker"), "Error rates")

    measured = {fields[1]: options["stat"] for fields, options in rows(drawn) if fields}
    assert measured == {"Invocation5XXErrors": "Average", "Invocation4XXErrors": "Average"}
    assert [5.0, 10.0] == [line["value"] for line in drawn["annotations"]["horizontal"]]


@pytest.mark.parametrize(
    "title, condition",
    [
        ("CPU, of all cores", "HighCPU"),
        ("Memory, worst instance", "HighMemory"),
        ("Disk, worst instance", "HighDisk"),
        ("GPU, of all devices", "HighGPU"),
        ("GPU memory, of all devices, worst instance", "HighGPUMemory"),
    ],
)
def test_every_resource_is_drawn_with_its_alarms_threshold(title, condition):
    config = configured(ENDPOINT)
    alarm = next(one for one in alarms.compute(config) if one.condition == condition)
    assert isinstance(alarm, MetricAlarm)

    drawn = widget(board(config, "mlwarden-test-endpoint-ranker"), title)

    assert [alarm.threshold] == [line["value"] for line in drawn["annotations"]["horizontal"]]


def test_an_endpoint_without_gpus_has_no_gpu_widgets():
    body = board(configured(ENDPOINT.replace("ml.g5.12xlarge", "ml.m5.xlarge")), "mlwarden-test-endpoint-ranker")

    assert "GPU" not in json.dumps(body)


def test_each_gpu_of_a_host_has_a_line_of_its_own():
    body = board(configured(GPU_HOST), "mlwarden-test-hosts")

    drawn = widget(body, "train: use by GPU")
    assert [str(index) for index in range(8)] == [fields[-1] for fields, _ in rows(drawn)]


def test_hosts_with_different_thresholds_have_a_line_each():
    config = configured(GPU_HOST, GPU_HOST.replace("train", "other") + "[hosts.thresholds]\ncpu_percent = 50")

    drawn = widget(board(config, "mlwarden-test-hosts"), "CPU, of all cores")

    assert [90.0, 50.0] == [line["value"] for line in drawn["annotations"]["horizontal"]]


def test_the_fleet_has_a_line_for_each_variant():
    config = configured(ENDPOINT, ENDPOINT + 'variant = "canary"')

    drawn = widget(board(config, "mlwarden-test-fleet"), "p99 model latency")

    shown = [options["label"] for _, options in rows(drawn) if options.get("visible", True)]
    assert ["ranker", "ranker-canary"] == shown


def test_the_platforms_series_are_found_by_their_physical_names():
    drawn = widget(board(configured(), "mlwarden-test-platform"), "Dead letters")

    assert ["events-dlq", "reports-dlq"] == [fields[-1] for fields, _ in rows(drawn)]


def test_the_same_configuration_gives_the_same_bodies():
    assert boards(shipped("default.toml")) == boards(shipped("default.toml"))
