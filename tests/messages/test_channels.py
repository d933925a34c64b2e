import json
from dataclasses import replace
from datetime import timedelta
from functools import cache

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalogue.alarm import Severity, Subject
from core.incidents.evidence import Cause, Change, Confidence, Evidence, Investigation
from core.incidents.notification import Reason
from core.incidents.policy import ChannelKind
from core.messages.place import Place
from tests.messages import samples
from tests.messages.forms import faults
from tests.messages.reading import KINDS, message, seen, strings
from tests.messages.samples import at, notification

EVERYTHING = samples.everything()
WORDS = ("word ", "日本語", "\U0001f469\u200d\U0001f52c", "e\u0301", '"\\<&>', "\U0001f1e9\U0001f1ea")
IMAGE = "https://images.example.com/a.png?X-Amz-Expires=3600"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", EVERYTHING)
def test_no_service_would_refuse_a_message(kind, name):
    assert faults(message(EVERYTHING[name], kind, image=IMAGE)) == []


@cache
def large(words="word ", *, lists=60):
    """A notification with far more to say than any channel takes."""
    (alert,) = EVERYTHING["kind-sagemaker"].firing
    subject = Subject("host", (words * 40)[:150])
    alarms = tuple(
        replace(
            alert,
            fingerprint=f"{n:016}",
            source=f"{n} {words * 200}",
            reason=words * 150,
            facts=replace(alert.facts, subject=replace(subject, name=f"{n}{subject.name}"), title=words * 100),
        )
        for n in range(20)
    )
    return replace(
        notification(Reason.FIRST, *alarms, firing_count=10_000, now=900),
        symptoms=alarms,
        resolved=alarms,
        symptom_count=20,
        resolved_count=20,
        investigation=Investigation(
            at(1), tuple(Evidence(words * 200) for _ in range(lists)), Cause(words * 200, Confidence.LOW)
        ),
        changes=tuple(Change(at(-n), words * 100, words * 100) for n in range(30)),
        group="root:" + words * 2000,
        labels=tuple((f"label-{n:03}", words * 100) for n in range(100)),
    )


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_too_large_is_made_to_fit(kind, words):
    found = message(large(words), kind, image=IMAGE)

    assert faults(found) == []


@pytest.mark.parametrize("kind", [ChannelKind.SLACK, ChannelKind.TEAMS, ChannelKind.AMAZON_Q, ChannelKind.OPSCENTER])
def test_a_cut_message_keeps_head_action_links_and_says_what_is_missing(kind):
    found = message(large(), kind)

    told = seen(found)
    assert "CRITICAL" in told
    assert "none taken: mlwarden only watches here" in told
    assert "Cut to fit: " in told
    assert "all of it: mlwarden incidents show INC-20261121-1f3870be" in told
    assert "https://runbooks.example.com/Unhealthy.md" in "\n".join(strings(json.loads(found.body)))


def test_the_least_valuable_section_goes_first():
    found = message(large(lists=1), ChannelKind.AMAZON_Q)

    (cut,) = [line for line in seen(found).splitlines() if line.startswith("Cut to fit: ")]
    assert cut.startswith("Cut to fit: CHANGES, SYMPTOMS (")
    assert "LIKELY CAUSE (confidence: low)" in seen(found)


def test_a_message_that_fits_says_nothing_of_being_cut():
    for kind in KINDS:
        assert "Cut to fit" not in message(EVERYTHING["reason-first"], kind).body


@pytest.mark.parametrize("kind", [ChannelKind.SLACK, ChannelKind.AMAZON_Q])
def test_no_name_becomes_a_mention_or_a_link_in_slack(kind):
    (alert,) = EVERYTHING["kind-sagemaker"].firing
    evil = replace(alert, facts=replace(alert.facts, title="<!channel> <https://evil.example|click> & more"))

    document = json.loads(message(notification(Reason.FIRST, evil), kind).body)

    if kind is ChannelKind.SLACK:
        assert document["blocks"].pop(0)["text"]["type"] == "plain_text"
    told = "\n".join(strings(document))
    assert "<!channel>" not in told
    assert "<https://evil" not in told
    assert "&lt;!channel&gt;" in told


def test_teams_shows_names_as_they_are():
    (alert,) = EVERYTHING["kind-sagemaker"].firing
    marked = replace(alert, facts=replace(alert.facts, title="[click](https://evil.example) *now*"))

    card = json.loads(message(notification(Reason.FIRST, marked), ChannelKind.TEAMS).body)["attachments"][0]["content"]

    assert {element["type"] for element in card["body"]} == {"RichTextBlock"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_graph_is_shown_only_where_it_is_fetched_at_once(kind):
    shown = IMAGE in message(EVERYTHING["reason-first"], kind, image=IMAGE).body

    assert shown == (kind in {ChannelKind.SLACK, ChannelKind.SLACK_BOT, ChannelKind.TEAMS})


def test_pagerduty_opens_and_closes_one_page():
    first, end = (
        json.loads(message(EVERYTHING[name], ChannelKind.PAGERDUTY).body)
        for name in ("reason-first", "reason-all-resolved")
    )

    assert [event["event_action"] for event in (*first, *end)] == ["trigger", "resolve"]
    assert first[0]["dedup_key"] == end[0]["dedup_key"]
    assert "INC-20261121-1f3870be" in first[0]["dedup_key"]


def test_every_message_of_an_incident_but_its_end_triggers_the_same_page():
    names = ("reason-new-alerts", "reason-new-resolved", "reason-repeat", "reason-flapping", "reason-flapping-ended")

    events = [json.loads(message(EVERYTHING[name], ChannelKind.PAGERDUTY).body) for name in names]

    assert {event["event_action"] for (event,) in events} == {"trigger"}
    assert len({event["dedup_key"] for (event,) in events}) == 1


def test_a_digest_closes_the_pages_of_the_groups_that_it_says_are_over():
    opened, *closed = json.loads(message(EVERYTHING["reason-digest"], ChannelKind.PAGERDUTY).body)

    assert opened["event_action"] == "trigger"
    assert [event["event_action"] for event in closed] == ["resolve"]
    assert closed[0]["dedup_key"].endswith("/INC-20261121-00000009")


def test_a_digest_of_ends_alone_pages_nobody():
    ends = replace(EVERYTHING["reason-digest"], firing_count=0)

    events = json.loads(message(ends, ChannelKind.PAGERDUTY).body)

    assert {event["event_action"] for event in events} == {"resolve"}


def test_an_ops_item_is_what_systems_manager_takes():
    model = botocore.session.get_session().get_service_model("ssm")
    create = model.operation_model("CreateOpsItem").input_shape
    update = model.operation_model("UpdateOpsItem").input_shape
    assert create is not None
    assert update is not None

    for told in (*EVERYTHING.values(), large()):
        document = json.loads(message(told, ChannelKind.OPSCENTER).body)
        if told.reason is Reason.ALL_RESOLVED:
            changes = {name: value for name, value in document["close"].items() if name in update.members}
            report = ParamValidator().validate({**changes, "OpsItemId": "oi-1"}, update)
        else:
            report = ParamValidator().validate(document["open"], create)
        assert not report.has_errors(), report.generate_report()


def test_an_ops_item_is_closed_under_the_name_that_opened_it():
    first, end = (
        json.loads(message(EVERYTHING[name], ChannelKind.OPSCENTER).body)
        for name in ("reason-first", "reason-all-resolved")
    )

    assert first["open"]["OperationalData"]["/aws/dedup"] == end["close"]["OperationalData"]["/aws/dedup"]


@pytest.mark.parametrize("kind", KINDS)
def test_evidence_and_a_cause_without_words_are_not_told(kind):
    found = Investigation(at(1), (Evidence("\x00"), Evidence("seen")), Cause(" \x07", Confidence.LOW))
    told = replace(EVERYTHING["reason-first"], investigation=found)

    assert faults(message(told, kind)) == []
    assert "not determined; next: " in seen(message(told, kind))


def test_amazon_q_keeps_an_incident_in_one_thread():
    names = ("reason-first", "reason-repeat", "reason-all-resolved")

    threads = {
        json.loads(message(EVERYTHING[name], ChannelKind.AMAZON_Q).body)["metadata"]["threadId"] for name in names
    }

    assert threads == {"INC-20261121-1f3870be"}


def test_the_same_notification_is_the_same_message_byte_for_byte():
    for kind in KINDS:
        first, second = (message(samples.reasons()["first"], kind) for _ in range(2))
        assert first == second


@settings(max_examples=25, deadline=None)
@given(
    title=st.text(max_size=300),
    reason=st.text(max_size=1200),
    evidence=st.lists(st.text(max_size=400), max_size=25),
    actions=st.sampled_from(["", "https://actions.example.com/"]),
    severity=st.sampled_from(list(Severity)),
    now=st.integers(0, 10_000_000),
)
def test_whatever_comes_in_no_service_would_refuse_the_message(title, reason, evidence, actions, severity, now):
    (alert,) = EVERYTHING["kind-sagemaker"].firing
    told = notification(
        Reason.REPEAT,
        replace(alert, reason=reason, facts=replace(alert.facts, title=title, severity=severity)),
        now=now,
        investigation=Investigation(at(1), tuple(Evidence(text) for text in evidence)),
        next_repeat_at=at(now) + timedelta(hours=4),
    )

    for kind in KINDS:
        assert faults(message(told, kind, place=Place("dev", "https://r.example.com", actions), image=IMAGE)) == []
