import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.channels import listing
from lambdas import widget
from tests.channels.table import NOW, OPENED, open_incident
from tests.channels.test_actions import Tags

DATA = Path(__file__).parent / "data"


def event(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return found


def test_it_describes_itself_with_its_parameters(table: Any) -> None:
    answer = widget.handle(event("custom-widget-describe-event"), None)

    assert isinstance(answer, dict)
    assert "``` yaml" in answer["markdown"]


def test_it_shows_open_incidents_worst_first_with_age_owner_and_cause(table: Any) -> None:
    open_incident("INC-20261121-00000001", severity="warning", subject="host/trainer")
    open_incident("INC-20261121-00000002", cause="new endpoint config ranker-2")
    open_incident("INC-20261121-00000003", resolved_at="2026-11-21T14:05:00.000Z", open_shard="")

    html = widget.handle(event("custom-widget-event"), None)

    assert isinstance(html, str)
    assert html.index("00000002") < html.index("00000001")
    assert "00000003" not in html
    for shown in ("6 min", "ml-platform", "new endpoint config ranker-2", "not determined", "endpoint/ranker"):
        assert shown in html


def test_it_can_be_limited_to_an_owner(table: Any) -> None:
    open_incident("INC-20261121-00000001", owner="search")
    open_incident("INC-20261121-00000002")

    html = widget.handle({**event("custom-widget-event"), "owner": "search"}, None)

    assert "00000001" in html
    assert "00000002" not in html


def test_what_came_from_elsewhere_is_escaped(table: Any) -> None:
    open_incident(title="<script>alert(1)</script>", cause='"><iframe src=x>', owner="<cwdb-action action=call>")

    tags = Tags()
    tags.feed(str(widget.handle(event("custom-widget-event"), None)))

    assert tags.seen == {"table", "thead", "tbody", "tr", "th", "td"}


def test_without_incidents_it_says_so(table: Any) -> None:
    assert widget.handle(event("custom-widget-event"), None) == "<p>No open incidents.</p>"


def test_more_than_a_dashboard_can_show_are_counted() -> None:
    lines = [line(number) for number in range(listing.MAX_ROWS + 7)]

    html = listing.html(lines, NOW)

    assert html.count("<tr>") == listing.MAX_ROWS + 1
    assert "+7 more" in html


@pytest.mark.parametrize(
    "seconds,shown",
    [
        (-5, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (86_400, "1 d"),
        (273_600, "3 d 4 h"),
    ],
)
def test_lengths_of_time_have_two_units_at_most_and_are_never_negative(seconds: int, shown: str) -> None:
    assert listing.span(timedelta(seconds=seconds)) == shown


def test_text_for_a_terminal_cannot_move_its_cursor() -> None:
    shown = listing.table([line(1, title="\x1b[2Jgone\nnext")], NOW)

    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 2


def line(number: int, title: str = "fails") -> listing.Line:
    return listing.Line(
        f"INC-20261121-{number:08d}", "group", "topics", "endpoint/ranker", title, "ml", "critical", OPENED
    )
