import re
import socket
import threading
from importlib import resources
from typing import Any, cast
from urllib.request import urlopen

import pytest
from flask.testing import FlaskClient

from local.errors import ServiceError
from local.functions.model import Invocation
from local.viewer import app
from local.world import World
from tests.cloudwatch.fakes import FakeWorld
from tests.local.viewer.conftest import Show

GRAPH = {
    "title": "Errors",
    "view": "timeSeries",
    "region": "us-east-1",
    "period": 60,
    "stat": "Sum",
    "metrics": [["App", "Errors", {"label": "errors"}]],
}
ALARM_ARN = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"


def asked(client: FlaskClient, number: int = 0, *, minutes: int = 30, name: str = "mlwarden-test-fleet") -> Any:
    response = client.get(f"/api/dashboards/{name}/widgets/{number}?minutes={minutes}")
    assert 200 == response.status_code, response.text
    return response.json


def test_the_list_names_every_dashboard_without_what_all_names_share(client: FlaskClient, show: Show) -> None:
    show(("text", {"markdown": "# Fleet"}), name="mlwarden-test-fleet")
    show(("text", {"markdown": "# Hosts"}), name="mlwarden-test-hosts")

    page = client.get("/").text

    assert re.findall(r'<td><a href="/dashboards/(\S+)" title="\S+">(\S+)</a>', page) == [
        ("mlwarden-test-fleet", "fleet"),
        ("mlwarden-test-hosts", "hosts"),
    ]


def test_the_list_says_which_alarms_of_a_dashboard_fire_and_since_when(
    world: FakeWorld, client: FlaskClient, show: Show
) -> None:
    world.alarm("mlwarden-test-ranker-Broken")
    world.alarm("mlwarden-test-ranker-Silent", MetricName="Other")
    arns = [f"{ALARM_ARN}mlwarden-test-ranker-{condition}" for condition in ("Broken", "Silent")]
    show(("alarm", {"title": "Alarms", "alarms": arns}))
    world.put_every_minute([9.0])

    page = client.get("/").text

    assert '<b class="ALARM">1</b>' in page
    assert '<b class="INSUFFICIENT_DATA">1</b>' in page
    assert "<b>ranker-Broken</b> since 10:01" in page


def test_without_dashboards_the_list_says_so(client: FlaskClient) -> None:
    assert "No dashboard is deployed." in client.get("/").text


def test_a_dashboards_page_carries_its_widgets(client: FlaskClient, show: Show) -> None:
    show(("metric", GRAPH))

    page = client.get("/dashboards/mlwarden-test-fleet").text

    assert '"title": "Errors"' in page


def test_markup_in_a_body_does_not_become_markup_of_the_page(client: FlaskClient, show: Show) -> None:
    show(("text", {"markdown": "</script><script>alert(1)</script><img src=x onerror=alert(1)>"}))

    page = client.get("/dashboards/mlwarden-test-fleet").text

    assert "<script>alert" not in page
    assert "<img" not in page


@pytest.mark.parametrize(
    "path",
    [
        "/dashboards/unknown",
        "/api/dashboards/unknown/widgets/0",
        "/api/dashboards/mlwarden-test-fleet/widgets/1",
        "/api/dashboards/mlwarden-test-fleet/widgets/-1",
    ],
)
def test_what_does_not_exist_is_not_found(client: FlaskClient, show: Show, path: str) -> None:
    show(("metric", GRAPH))

    assert 404 == client.get(path).status_code


def test_a_graph_has_its_points_and_its_thresholds(world: FakeWorld, client: FlaskClient, show: Show) -> None:
    show(("metric", GRAPH | {"annotations": {"horizontal": [{"value": 5, "label": "Errors > 5", "color": "#f00"}]}}))
    world.put_every_minute([1.0, 2.0])

    answer = asked(client)

    (trace,) = answer["traces"]
    assert trace["label"] == "errors"
    assert [(x, y) for x, y in zip(trace["x"], trace["y"], strict=True)] == [
        ("2026-11-20T10:00:00Z", 1.0),
        ("2026-11-20T10:01:00Z", 2.0),
    ]
    assert answer["lines"] == [{"value": 5.0, "label": "Errors > 5", "color": "#f00", "right": False}]
    assert answer["range"] == ["2026-11-20T09:32:00Z", "2026-11-20T10:02:00Z"]


def test_a_line_breaks_where_minutes_have_no_data(world: FakeWorld, client: FlaskClient, show: Show) -> None:
    show(("metric", GRAPH))
    world.put_every_minute([1.0, None, None, 4.0])

    assert [1.0, None, 4.0] == asked(client)["traces"][0]["y"]


def test_a_graph_reaches_back_as_far_as_asked(world: FakeWorld, client: FlaskClient, show: Show) -> None:
    show(("metric", GRAPH))
    world.put_every_minute([1.0, 2.0, 3.0])

    assert [3.0] == asked(client, minutes=1)["traces"][0]["y"]


@pytest.mark.parametrize("minutes", ["-5", "0", "99999999", "x"])
def test_an_absurd_range_is_brought_to_a_sensible_one(client: FlaskClient, show: Show, minutes: str) -> None:
    show(("metric", GRAPH))

    assert 200 == client.get(f"/api/dashboards/mlwarden-test-fleet/widgets/0?minutes={minutes}").status_code


def test_a_graph_that_cannot_be_computed_says_why(client: FlaskClient, show: Show) -> None:
    show(("metric", GRAPH | {"metrics": [[{"expression": "nothing / 2", "id": "e1"}]]}))

    answer = asked(client)

    assert [] == answer["traces"]
    assert "nothing" in answer["error"]


def test_lights_have_state_since_and_reason_in_the_widgets_order(
    world: FakeWorld, client: FlaskClient, show: Show
) -> None:
    world.alarm("mlwarden-test-ranker-Broken")
    arns = [f"{ALARM_ARN}mlwarden-test-ranker-{condition}" for condition in ("Gone", "Broken")]
    show(("alarm", {"title": "Alarms", "alarms": arns}))
    world.put_every_minute([9.0])

    gone, broken = asked(client)["alarms"]

    assert ("ranker-Gone", "MISSING", "") == (gone["label"], gone["state"], gone["since"])
    assert ("ranker-Broken", "ALARM") == (broken["label"], broken["state"])
    assert "2026-11-20T10:01:00Z" == broken["since"]
    assert "Threshold Crossed" in broken["reason"]


class Drawing:
    """A function behind a custom widget; `asked` is what it was given."""

    def __init__(self, answer: Invocation | ServiceError) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._answer = answer

    def invoke(self, name: str, payload: Any) -> Invocation:
        self.asked.append((name, payload))
        if isinstance(self._answer, ServiceError):
            raise self._answer
        return self._answer


CUSTOM = {"title": "Open incidents", "endpoint": "arn:f", "params": {"owner": "search"}}


def test_a_custom_widgets_function_is_asked_as_cloudwatch_asks_it(
    world: FakeWorld, client: FlaskClient, show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = Drawing(Invocation("<table></table>"))
    monkeypatch.setattr(world, "functions", function)
    show(("custom", CUSTOM))

    drawn = asked(client)

    ((name, event),) = function.asked
    context = event["widgetContext"]
    assert drawn == {"html": "<table></table>", "error": ""}
    assert (name, event["owner"], context["params"]) == ("arn:f", "search", {"owner": "search"})
    assert (context["dashboardName"], context["widgetId"]) == ("mlwarden-test-fleet", "widget-1")
    assert context["timeRange"]["end"] - context["timeRange"]["start"] == 30 * 60 * 1000


@pytest.mark.parametrize(
    "answer,said",
    [
        (Invocation({"errorMessage": "no"}, "Unhandled"), "no"),
        (ServiceError("ResourceNotFoundException", "Function not found: arn:f", 404), "Function not found: arn:f"),
    ],
)
def test_a_custom_widget_says_why_it_shows_nothing(
    world: FakeWorld,
    client: FlaskClient,
    show: Show,
    monkeypatch: pytest.MonkeyPatch,
    answer: Invocation | ServiceError,
    said: str,
) -> None:
    monkeypatch.setattr(world, "functions", Drawing(answer))
    show(("custom", CUSTOM))

    assert asked(client) == {"html": "", "error": said}


def test_the_clock_is_the_embedded_awss(world: FakeWorld, client: FlaskClient) -> None:
    world.advance(minutes=5)

    assert {"now": "2026-11-20 10:05:00 UTC"} == client.get("/api/clock").json


@pytest.mark.parametrize("path", ["/", "/api/clock", "/static/viewer.js", "/plotly.js", "/unknown"])
def test_no_page_may_load_from_or_be_framed_by_anyone_else(client: FlaskClient, path: str) -> None:
    with client.get(path) as response:
        policy = response.headers["Content-Security-Policy"]

    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert "nosniff" == response.headers["X-Content-Type-Options"]


def test_a_name_that_someone_else_resolves_to_this_machine_is_refused(client: FlaskClient) -> None:
    assert 400 == client.get("/", headers={"Host": "rebound.example"}).status_code


def test_its_own_files_name_no_other_site_and_write_no_markup() -> None:
    folder = resources.files("local.viewer")
    texts = {
        one.name: one.read_text(encoding="utf-8")
        for part in ("static", "templates")
        for one in (folder / part).iterdir()
    }

    assert {"viewer.js", "layout.html"} <= texts.keys()
    for name, text in texts.items():
        assert not re.search(r"""(src|href)="?(https?:)?//|innerHTML|\|\s*safe""", text), name


def test_it_listens_on_loopback_alone_and_stops_with_its_thread(world: FakeWorld) -> None:
    with app.start(cast(World, world)) as page:
        port = int(page.url.rpartition(":")[2])
        with urlopen(page.url, timeout=5) as response:  # noqa: S310 the viewer's own address
            assert 200 == response.status
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.2", port), timeout=5)

    assert "viewer" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_taken_port_is_an_oserror(world: FakeWorld) -> None:
    with app.start(cast(World, world)) as page, pytest.raises(OSError, match="in use"):
        app.start(cast(World, world), port=int(page.url.rpartition(":")[2]))
