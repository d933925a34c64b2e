import json
from pathlib import Path

import pytest
from flask.testing import FlaskClient

import core.config
from core.catalogue import dashboards
from core.catalogue.platform import PlatformNames
from tests.cloudwatch.fakes import FakeWorld

CONFIG = core.config.load(Path("config/default.toml").read_text(encoding="utf-8"))
NAMES = PlatformNames(
    functions={"router": "the-router"},
    dead_letters={"events": "the-events-dead-letters"},
    topics={"critical": "the-critical-topic"},
)
WHERE = {"region": "us-east-1", "alarm_arn_prefix": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:"}
BOARDS = [*dashboards.compute(CONFIG, **WHERE), dashboards.platform_dashboard(CONFIG, NAMES, **WHERE)]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.name)
def test_every_widget_of_the_shipped_configuration_can_be_drawn(
    world: FakeWorld, client: FlaskClient, board: dashboards.Dashboard
) -> None:
    world.call("PutDashboard", DashboardName=board.name, DashboardBody=json.dumps(board.body))

    page = client.get(f"/dashboards/{board.name}")

    assert 200 == page.status_code
    for number, widget in enumerate(board.body["widgets"]):
        if widget["type"] == "text":
            continue
        answer = client.get(f"/api/dashboards/{board.name}/widgets/{number}").json
        assert answer is not None
        if widget["type"] == "alarm":
            assert len(widget["properties"]["alarms"]) == len(answer["alarms"])
        else:
            assert widget["properties"].get("view") in ("timeSeries", "singleValue"), "the page draws no other view"
            assert "" == answer["error"], widget["properties"]["title"]
            assert answer["traces"], widget["properties"]["title"]
            limits = widget["properties"].get("annotations", {}).get("horizontal", [])
            assert [one["label"] for one in limits] == [one["label"] for one in answer["lines"]]
