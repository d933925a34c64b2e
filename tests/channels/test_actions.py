import base64
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from core.incidents import keys
from core.incidents.silences import Silence
from lambdas import actions
from lambdas.adapters import audit, nonces, silences
from tests.channels import table as incident_table
from tests.channels.table import GROUP, INCIDENT, NAME, NOW, open_incident

LINK = f"act=silence&incident={INCIDENT}&group={quote(GROUP)}"


def ask(method: str, query: str = "", body: str = "", **more: Any) -> dict[str, Any]:
    event = {"requestContext": {"http": {"method": method}}, "rawQueryString": query, "body": body, **more}
    return actions.handle(event, None)


def page() -> str:
    """The nonce of a fresh page."""
    found = re.search(r'name="nonce" value="([^"]+)"', ask("GET", LINK)["body"])
    assert found is not None
    return found[1]


def press(nonce: str, by: str = "Ada") -> dict[str, Any]:
    return ask("POST", body=urlencode({"nonce": nonce, "by": by}))


def kept() -> tuple[Silence, ...]:
    return silences.load(NAME)


def test_opening_the_link_shows_what_would_happen_and_silences_nothing(table: Any) -> None:
    open_incident()

    answer = ask("GET", LINK)

    assert answer["statusCode"] == 200
    assert "kind=&quot;endpoint&quot;" in answer["body"]
    assert "too many requests fail" in answer["body"]
    assert kept() == ()


def test_a_scanner_that_opens_the_link_a_hundred_times_changes_nothing(table: Any) -> None:
    open_incident()

    for _ in range(100):
        ask("GET", LINK)
        ask("HEAD", LINK)

    assert kept() == ()


def test_the_button_silences_the_group_for_an_hour_and_the_audit_says_who(table: Any) -> None:
    open_incident()

    answer = press(page())

    [silence] = kept()
    assert answer["statusCode"] == 200
    assert [str(matcher) for matcher in silence.matchers] == ['kind="endpoint"', 'subject="ranker"']
    assert (silence.starts_at, silence.ends_at, silence.created_by) == (NOW, NOW + timedelta(hours=1), "Ada")
    line = audit.find(NAME, INCIDENT)
    assert line is not None
    [entry] = audit.trail(NAME, line, NOW)
    assert (entry.kind.value, entry.facts) == ("action", (("by", "Ada"),))
    assert silence.id in entry.what


def test_a_button_works_once(table: Any) -> None:
    open_incident()
    nonce = page()
    press(nonce)

    answer = press(nonce)

    assert answer["statusCode"] == 409
    assert len(kept()) == 1


def test_two_presses_at_once_silence_once(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    open_incident()
    nonce = page()
    find = nonces.find
    answers = []

    def find_and_lose(*args: Any, **more: Any) -> Any:
        right = find(*args, **more)
        monkeypatch.setattr(nonces, "find", find)
        answers.append(press(nonce))
        return right

    monkeypatch.setattr(nonces, "find", find_and_lose)
    answers.append(press(nonce))

    assert sorted(answer["statusCode"] for answer in answers) == [200, 409]
    assert len(kept()) == 1


def test_a_page_is_good_for_ten_minutes(table: Any) -> None:
    open_incident()
    nonce = page()

    table.shift(timedelta(minutes=10))

    assert press(nonce)["statusCode"] == 409
    assert kept() == ()


@pytest.mark.parametrize("nonce", ["", "guess", "nonce#", "../", "0" * 43])
def test_a_nonce_that_no_page_had_is_refused(table: Any, nonce: str) -> None:
    open_incident()

    assert press(nonce)["statusCode"] == 409
    assert kept() == ()


def test_the_table_does_not_know_the_nonce(table: Any) -> None:
    open_incident()

    nonce = page()

    assert nonce not in str(incident_table.items())


def test_a_name_is_needed(table: Any) -> None:
    open_incident()

    assert press(page(), by="  ")["statusCode"] == 400
    assert kept() == ()


@pytest.mark.parametrize(
    "query,status",
    [
        ("", 400),
        ("act=rollback&incident=" + INCIDENT, 400),
        ("act=silence", 404),
        ("act=silence&incident=INC-20261121-ffffffff", 404),
        ("act=silence&incident=" + "x" * 5000, 400),
        ("act=silence&incident=INC-%00", 404),
        ("&" * 50, 400),
    ],
)
def test_a_link_that_leads_nowhere_writes_nothing(table: Any, query: str, status: int) -> None:
    open_incident()
    before = incident_table.kinds()

    answer = ask("GET", query)

    assert answer["statusCode"] == status
    assert incident_table.kinds() == before


def test_an_incident_that_is_over_cannot_be_silenced(table: Any) -> None:
    open_incident(resolved_at="2026-11-21T14:05:00.000Z")

    assert ask("GET", LINK)["statusCode"] == 410


def test_a_form_may_come_as_base64(table: Any) -> None:
    open_incident()
    body = base64.b64encode(urlencode({"nonce": page(), "by": "Ada"}).encode()).decode()

    assert ask("POST", body=body, isBase64Encoded=True)["statusCode"] == 200
    assert ask("POST", body="%%%", isBase64Encoded=True)["statusCode"] == 409


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", ""])
def test_other_methods_are_refused(table: Any, method: str) -> None:
    assert ask(method, LINK)["statusCode"] == 405


def test_what_came_from_elsewhere_is_escaped_and_no_script_may_run(table: Any) -> None:
    open_incident(title='<script>alert(1)</script>"><img src=x>', owner="<b>&", cause="</dl><iframe>")

    answer = ask("GET", LINK)

    tags = Tags()
    tags.feed(answer["body"])
    assert not tags.seen & {"script", "img", "b", "iframe"}
    policy = answer["headers"]["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer["headers"]["Cache-Control"] == "no-store"


def test_a_name_from_the_form_is_escaped_too(table: Any) -> None:
    open_incident()

    press(page(), by="<script>")

    assert kept()[0].created_by == "<script>"
    assert keys.SILENCES in {item["pk"] for item in incident_table.items()}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.add(tag)
