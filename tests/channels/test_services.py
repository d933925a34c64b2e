"""Slack, Teams, PagerDuty and signed https, against a service on loopback."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from core.channels import signing
from core.channels.outcome import Outcome, Verdict
from core.channels.signing import Key
from lambdas.adapters import pagerduty, slack, teams, webhook
from tests.channels.conftest import LOOPBACK, Service

KEY = Key("2026b", b"k" * 32)
DOCUMENT = {"text": "ranker fails · 7,4 % 🔥"}
EVENT = {"event_action": "trigger", "dedup_key": "INC-20261121-0007", "payload": {"summary": "ranker fails"}}
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def signed(service: Service) -> Outcome:
    return webhook.send(f"{service.url}/hook", DOCUMENT, [KEY], notification_id="n1", allowed=LOOPBACK)


def bot(service: Service, reference: str = "") -> Outcome:
    return slack.write("xoxb-secret", "C1", DOCUMENT, reference=reference, api=f"{service.url}/api/", allowed=LOOPBACK)


def paged(service: Service) -> Outcome:
    return pagerduty.send("R0SECRET", EVENT, url=f"{service.url}/v2/enqueue", allowed=LOOPBACK)


def test_an_https_message_verifies_with_the_receivers_key(service: Service) -> None:
    service.answer(204)

    with time_machine.travel(NOW, tick=False):
        outcome = signed(service)

    request = service.requests[0]
    assert outcome == Outcome(Verdict.SENT, reference="n1")
    assert signing.verify(request.body, request.headers, [KEY], now=NOW)
    assert request.json == DOCUMENT
    assert request.headers["X-Mlwarden-Notification-Id"] == "n1"


@pytest.mark.parametrize("send", [signed, paged, bot])
def test_a_service_that_is_busy_is_tried_again_when_it_says(service: Service, send: Any) -> None:
    service.answer(429, b"x", Retry_After="17")

    outcome = send(service)

    assert (outcome.verdict, outcome.retry_after) == (Verdict.RETRY, timedelta(seconds=17))


@pytest.mark.parametrize("send", [signed, paged, bot])
@pytest.mark.parametrize("status", [401, 403, 404, 413])
def test_a_service_that_does_not_want_the_message_refuses_it(service: Service, send: Any, status: int) -> None:
    service.answer(status, {"secret": "payload"})

    outcome = send(service)

    assert outcome.verdict is Verdict.REFUSED
    assert "payload" not in outcome.reason


def test_teams_takes_the_card_as_it_is(service: Service) -> None:
    service.answer(202)

    outcome = teams.send(f"{service.url}/workflows/x?sig=secret", DOCUMENT, allowed=LOOPBACK)

    assert outcome.sent
    assert service.requests[0].json == DOCUMENT


def test_pagerduty_gets_its_key_and_answers_with_202(service: Service) -> None:
    service.answer(202, {"status": "success", "dedup_key": "INC-20261121-0007"})

    outcome = paged(service)

    assert outcome == Outcome(Verdict.SENT, reference="INC-20261121-0007")
    assert service.requests[0].json == {**EVENT, "routing_key": "R0SECRET"}


def test_pagerduty_says_what_is_wrong_with_an_event_without_its_key(service: Service) -> None:
    service.answer(400, {"status": "invalid event", "errors": ["'routing_key' R0SECRET is not of the right length"]})

    outcome = paged(service)

    assert outcome.verdict is Verdict.REFUSED
    assert outcome.reason == "PagerDuty answered 400: 'routing_key' (the key) is not of the right length"


def test_pagerduty_accepts_with_202_alone(service: Service) -> None:
    service.answer(200, {"status": "success"})

    assert paged(service).verdict is Verdict.REFUSED


def test_an_incoming_webhook_posts_a_new_message(service: Service) -> None:
    service.answer(200, b"ok")

    outcome = slack.post(f"{service.url}/services/T/B/secret", DOCUMENT, allowed=LOOPBACK)

    assert outcome.sent
    assert service.requests[0].json == DOCUMENT


def test_a_bot_posts_the_first_message_and_remembers_it(service: Service) -> None:
    service.answer(200, {"ok": True, "channel": "C0123", "ts": "1795262400.000100"})

    outcome = bot(service)

    assert outcome == Outcome(Verdict.SENT, reference="C0123:1795262400.000100")
    assert service.requests[0].path == "/api/chat.postMessage"
    assert service.requests[0].json == {**DOCUMENT, "channel": "C1"}
    assert service.requests[0].headers["Authorization"] == "Bearer xoxb-secret"


def test_a_bot_edits_the_message_that_the_incident_has(service: Service) -> None:
    service.answer(200, {"ok": True, "channel": "C0123", "ts": "1795262400.000100"})

    outcome = bot(service, "C0123:1795262400.000100")

    assert outcome.reference == "C0123:1795262400.000100"
    assert [request.path for request in service.requests] == ["/api/chat.update"]
    assert service.requests[0].json == {**DOCUMENT, "channel": "C0123", "ts": "1795262400.000100"}


def test_a_message_that_somebody_deleted_is_posted_anew(service: Service) -> None:
    service.answer(200, {"ok": False, "error": "message_not_found"})
    service.answer(200, {"ok": True, "channel": "C0123", "ts": "2.0"})

    outcome = bot(service, "C0123:1.0")

    assert outcome.reference == "C0123:2.0"
    assert [request.path for request in service.requests] == ["/api/chat.update", "/api/chat.postMessage"]


@pytest.mark.parametrize(
    "error,verdict",
    [
        ("invalid_auth", Verdict.REFUSED),
        ("channel_not_found", Verdict.REFUSED),
        ("invalid_blocks", Verdict.REFUSED),
        ("msg_too_long", Verdict.REFUSED),
        ("ratelimited", Verdict.RETRY),
        ("internal_error", Verdict.RETRY),
        ("service_unavailable", Verdict.RETRY),
    ],
)
def test_slacks_error_names_say_whether_to_try_again(service: Service, error: str, verdict: Verdict) -> None:
    service.answer(200, {"ok": False, "error": error})

    outcome = bot(service)

    assert (outcome.verdict, outcome.reason) == (verdict, f"Slack said {error}")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"ok": "yes"}'])
def test_an_answer_that_is_not_slacks_is_not_taken_for_success(service: Service, body: bytes) -> None:
    service.answer(200, body)

    assert bot(service).verdict is Verdict.RETRY


def test_what_is_sent_is_utf_8(service: Service) -> None:
    service.answer(200, b"ok")

    slack.post(service.url, DOCUMENT, allowed=LOOPBACK)

    assert json.loads(service.requests[0].body.decode()) == DOCUMENT
    assert "🔥".encode() in service.requests[0].body
