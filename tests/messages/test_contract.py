"""The fourteen points of what a message must say, over every kind of alarm and every reason."""

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalogue.alarm import Severity, Subject
from core.incidents.evidence import Cause, Change, Confidence, Evidence, Impact, Investigation
from core.incidents.notification import Reason
from core.incidents.policy import ChannelKind
from core.messages import reasons, story
from core.messages.place import Place
from tests.messages import samples
from tests.messages.reading import KINDS, mail, message, seen
from tests.messages.samples import PREFIX, alarm_event, alerts, at, notification

EVERYTHING = samples.everything()
URL = re.compile(r"https://\S+")


@pytest.fixture(params=EVERYTHING)
def told(request):
    return EVERYTHING[request.param]


def test_the_first_line_tells_severity_what_where_how_bad_and_since_when():
    first = mail(EVERYTHING["kind-composite"]).splitlines()[0]

    assert first == (
        "CRITICAL ranker: too many requests fail with a server error (5xx), 7.43 % against 5 %, since 14:02Z"
    )
    assert len(first) <= 100


def test_first_lines_and_subjects_keep_their_room(told):
    found = message(told)

    assert len(found.body.splitlines()[0]) <= 100
    assert len(found.subject) < 100
    assert found.subject.isascii()
    assert found.subject.isprintable()
    line, _, address = found.short.partition("\n")
    assert len(line) <= 140
    assert len(found.short.encode()) <= 1600
    assert not address or URL.fullmatch(address)


def test_a_phone_gets_the_dashboard_with_its_time_pinned_under_the_line():
    line, _, address = message(samples.reasons()["first"]).short.partition("\n")

    assert line.startswith("CRITICAL ranker: ")
    assert "#dashboards/dashboard/" in address
    assert "?start=2026-11-21T" in address


def test_lines_keep_to_78_columns_but_for_the_first_and_urls(told):
    for line in mail(told).splitlines()[1:]:
        assert len(line) <= 78 or URL.fullmatch(line)


def test_value_threshold_window_and_age_are_told():
    text = mail(EVERYTHING["kind-metric"])

    assert "\nValue   812 ms against 500 ms, in 3 of 5 periods of 1 min\n" in text
    assert "\nSince   2026-11-21 14:02Z, 36 s ago\n" in text


def test_a_cause_is_told_with_its_confidence_and_evidence_before_the_alerts():
    text = mail(EVERYTHING["reason-first"])

    assert "LIKELY CAUSE (confidence: high)\n  new endpoint config ranker-2 (was ranker-1), deployed 13:58Z" in text
    assert text.index("LIKELY CAUSE") < text.index("EVIDENCE") < text.index("FIRING")


def test_without_a_cause_the_message_says_so_and_names_the_next_check():
    assert "not determined; next: the runbook's Diagnosis section" in mail(EVERYTHING["kind-metric"])
    assert "not determined; next: the dashboard" in mail(EVERYTHING["kind-math"])


def test_what_was_done_and_how_it_is_quietened_is_told_without_a_page_too():
    told = EVERYTHING["kind-metric"]

    text = " ".join(mail(told).split())
    typed = " ".join(message(told, place=Place("production", "https://r.example.com")).body.split())

    assert "none taken: mlwarden only watches here; to quieten it: see SILENCE" in text
    assert "mlwarden incidents silence create 'kind=\"endpoint\"' 'subject=\"ranker\"' --comment WHY" in typed


def test_links_are_at_most_five_in_the_order_of_use():
    names = [line for line in mail(EVERYTHING["reason-first"]).splitlines() if line.isupper()]

    links = [name for name in names if name in {"RUNBOOK", "DASHBOARD", "LOGS", "CHANGE", "SILENCE"}]
    assert links == ["RUNBOOK", "DASHBOARD", "LOGS", "CHANGE", "SILENCE"]


def test_every_message_links_to_at_most_five_places(told):
    urls = [line for line in mail(told).splitlines() if URL.fullmatch(line)]

    assert 1 <= len(urls) <= 5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not ChannelKind.PAGERDUTY])
def test_the_incidents_name_stays_from_the_first_message_to_the_last(kind):
    for name in ("reason-first", "reason-new-alerts", "reason-repeat", "reason-all-resolved"):
        assert "INC-20261121-1f3870be" in seen(message(EVERYTHING[name], kind))


def test_every_reason_that_sends_has_its_words():
    assert set(reasons.WORDS) == {reason for reason in Reason if reason.sends}


def test_the_message_says_why_it_comes_now_and_when_the_next_does():
    assert "Why now: first message of this incident. Next: on change, or repeat at 18:02Z." in " ".join(
        mail(EVERYTHING["reason-first"]).split()
    )
    assert "Next:" not in mail(EVERYTHING["reason-all-resolved"])


def test_why_now_is_in_every_channels_message(told):
    for kind in KINDS:
        assert reasons.WORDS[told.reason] in " ".join(seen(message(told, kind)).split())


def test_many_alerts_are_counted_and_five_listed():
    text = mail(EVERYTHING["reason-many"])

    assert "FIRING (4,217)" in text
    assert text.count("\n  - shard-") == 5
    assert "+4,212 more on the dashboard" in text


def test_a_digest_names_ten_groups_and_counts_the_others():
    text = mail(EVERYTHING["reason-digest"])

    assert text.startswith("DIGEST 37 groups told as one: 112 alerts fire, 14 resolved, worst warning")
    assert text.count("the disk is nearly full") == 10
    assert "+27 more" in text


def test_the_end_tells_duration_peak_and_what_mended_it():
    text = " ".join(mail(EVERYTHING["reason-all-resolved"]).split())

    assert "Duration 23 min" in text
    assert "Peak 812 ms against 500 ms" in text
    assert "Fixed by endpoint config ranker-1 (was ranker-2), deployed 14:20Z, 5 min before the end" in text
    assert message(EVERYTHING["reason-all-resolved"]).subject.startswith("[RESOLVED 23 min] ranker: ")


def test_what_mended_it_is_not_guessed():
    over = replace(EVERYTHING["reason-all-resolved"], changes=())

    assert "Fixed by  not known; no deployment was seen meanwhile" in mail(over)


def test_the_end_of_a_composite_tells_the_peak_of_its_first_child():
    found = alerts(
        alarm_event(PREFIX + "Unhealthy", seconds=1),
        alarm_event(PREFIX + "HighErrorRate", value=12.3),
        alarm_event(PREFIX + "Unhealthy", "OK", 601),
        alarm_event(PREFIX + "HighErrorRate", "OK", 600, value=0.1),
    )

    text = mail(notification(Reason.ALL_RESOLVED, *found, now=900))

    assert text.startswith("RESOLVED ranker: high error rate, peak 12.3 % against 5 %, lasted 10 min since 14:02Z")


def test_flapping_is_told_with_its_episodes_and_time_in_alarm():
    text = mail(EVERYTHING["reason-flapping"])

    assert text.startswith("FLAPPING CRITICAL ranker: p99 model latency is over its objective, 3 episodes in 22 min")
    assert "Episodes  3 in 22 min, 9 min of them in ALARM" in text


def test_low_values_are_told_as_too_low():
    quiet = alerts(alarm_event(PREFIX + "NoTraffic", value=0.0))

    assert "0 requests against at least 1 request" in mail(notification(Reason.FIRST, *quiet))


def test_the_end_of_what_was_too_low_tells_the_lowest_value():
    name = PREFIX + "NoTraffic"
    quiet = alerts(alarm_event(name, value=0.0), alarm_event(name, "OK", 600, value=9.0))

    text = mail(notification(Reason.ALL_RESOLVED, *quiet, now=700))

    assert re.search(r"^Lowest +0 requests against at least 1 request$", text, re.MULTILINE)


def test_lost_data_is_told():
    assert "No data  since 14:07Z" in mail(EVERYTHING["kind-no-data"])


def test_nothing_unsaid_is_printed(told):
    for kind in KINDS:
        text = seen(message(told, kind))
        assert not re.search(r"\bNone\b|\bnan\b|\{\}|\[\]|\(\)| ,|, ,|: ,", text), kind


def test_no_credential_that_a_reason_holds_is_told():
    for kind in KINDS:
        for name in ("kind-long-reason", "reason-first"):
            assert "AKIA" not in message(EVERYTHING[name], kind).body


@pytest.mark.parametrize(
    "condition, expected",
    [
        ("HighP99Latency", "high p99 latency"),
        ("HighGPUMemory", "high GPU memory"),
        ("GPUsMissing", "GPUs missing"),
        ("GPUXidErrors", "GPU xid errors"),
    ],
)
def test_a_condition_reads_as_words(condition, expected):
    assert expected == story.words(condition)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clock_that_is_behind_prints_no_negative_time(kind):
    (alert,) = alerts(alarm_event(PREFIX + "HighGPU", seconds=300, value=99.0))
    early = notification(Reason.FIRST, alert, now=0, opened_at=at(300))
    ended = notification(Reason.ALL_RESOLVED, *EVERYTHING["reason-all-resolved"].resolved, now=0, opened_at=at(60))

    for told in (early, ended):
        assert not re.search(r"(?<![\w:.])-\d+ (s|min|h|d)\b", seen(message(told, kind)))


WORDS = st.text(max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    name=st.text(min_size=1, max_size=200),
    reason=st.text(max_size=4000),
    value=st.one_of(st.none(), st.floats()),
    texts=st.lists(st.text(max_size=500), max_size=25),
    labels=st.dictionaries(WORDS, WORDS, max_size=5),
    how=st.sampled_from([Reason.FIRST, Reason.REPEAT, Reason.ALL_RESOLVED, Reason.UNGROUPED]),
    severity=st.sampled_from(list(Severity)),
)
def test_whatever_comes_in_every_channel_keeps_the_contract(name, reason, value, texts, labels, how, severity):
    first, *_ = EVERYTHING["kind-sagemaker"].firing
    facts = replace(first.facts, subject=Subject("host", name), title=reason, owner=name, severity=severity)
    alert = replace(first, facts=facts, source=name, reason=reason, value=value, peak=value)
    found = Investigation(
        at(1),
        tuple(Evidence(text) for text in texts),
        Cause(reason, Confidence.LOW),
        Impact(1, 3, 60),
    )
    over = replace(alert, firing=False, ends_at=at(9))
    told = replace(
        notification(how, over if how is Reason.ALL_RESOLVED else alert, now=600),
        investigation=found,
        labels=tuple(sorted(labels.items())),
        group=f"root:{name}",
        changes=(Change(at(-60), name, reason),),
        next_repeat_at=at(600) + timedelta(days=40),
    )

    for kind in KINDS:
        found_message = message(told, kind)
        found_message.body.encode()
        if kind is not ChannelKind.SNS:
            json.loads(found_message.body, parse_constant=pytest.fail)
            continue
        json.loads(found_message.figures, parse_constant=pytest.fail)
        lines = found_message.body.splitlines()
        assert len(lines[0]) <= 100
        assert all(len(line) <= 78 or URL.fullmatch(line) for line in lines[1:])
        assert len(found_message.subject) < 100
        assert found_message.subject.isascii()
        assert found_message.subject.isprintable()
        assert len(found_message.short.partition("\n")[0]) <= 140
