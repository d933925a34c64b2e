import json
import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalogue.metric import Display
from core.incidents import incident as incidents
from core.incidents.evidence import Cause, Confidence, Evidence, Impact, Investigation
from core.incidents.notification import Reason
from core.messages import figures, layout, links, mail, story
from core.messages.mail import Place
from tests.core.incident_builders import after, alarm, alarm_event, at, endpoint_event, signal

PLACE = Place("production", "https://runbooks.example.com")
FOUND = Investigation(
    at=at(8),
    evidence=(Evidence("p99 model latency at worst 840 ms (normal 231 ms)"),),
    cause=Cause("new endpoint config ranker-2 (was ranker-1), deployed 13:58Z", Confidence.HIGH),
    impact=Impact(412, 5566, 300),
)


def firing(*, found=FOUND, now=36):
    incident = after(
        alarm("HighErrorRate", "ALARM", 0, value=7.432),
        alarm("HighP99Latency", "ALARM", 2, value=812_345.0),
        alarm("Unhealthy", "ALARM", 3),
    )
    return mail.write(story.tell(replace(incident, investigation=found), Reason.FIRST, now=at(now)), PLACE)


def resolved():
    incident = after(alarm("HighP99Latency", "ALARM", 0, value=812_345.0), alarm("Unhealthy", "ALARM", 3), now=at(3))
    claimed = incidents.claim(incident, now=at(40))
    over = after(
        alarm("HighP99Latency", "OK", 1380, value=200_000.0),
        alarm("Unhealthy", "OK", 1381),
        incident=incidents.sent(claimed, claimed, now=at(40)),
    )
    return mail.write(story.tell(over, Reason.ALL_RESOLVED, now=at(1385)), PLACE)


def numbers(text):
    return [float(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def test_the_first_line_tells_severity_what_where_how_bad_and_since_when():
    first = firing().text.splitlines()[0]

    assert len(first) <= 100
    assert first == (
        "CRITICAL ranker: too many requests fail with a server error (5xx), 7.43 % against 5 %, since 14:02Z"
    )


def test_the_resolve_message_tells_duration_and_peak():
    message = resolved()

    assert message.subject.startswith("[RESOLVED 23 min] ranker: ")
    assert re.search(r"^Duration +23 min$", message.text, re.MULTILINE)
    assert re.search(r"^Peak +812 ms against 500 ms$", message.text, re.MULTILINE)


def test_every_figure_of_the_text_is_in_the_data():
    for message in (firing(), resolved()):
        data = json.loads(message.figures)
        told = {
            number
            for entry in data["figures"]
            for key in ("value", "threshold", "peak")
            if (number := entry.get(key)) is not None
        }
        shown = re.findall(r"(\S+) (?:ms|%) against (\S+) (?:ms|%)", message.text.replace("\n    ", " "))

        assert shown
        for pair in shown:
            for text in pair:
                assert numbers(text)[0] in told


def test_the_impact_is_told_in_requests_and_percent_as_in_the_data():
    message = firing()
    impact = json.loads(message.figures)["impact"]

    (line,) = [line for line in message.text.splitlines() if line.startswith("Impact")]
    assert numbers(line) == [impact["failed"], impact["requests"], impact["percent"], impact["window_seconds"] / 60]


def test_lines_keep_to_78_columns_but_for_urls():
    for message in (firing(), resolved()):
        for line in message.text.splitlines()[1:]:
            assert len(line) <= 78 or re.fullmatch(r"https://\S+", line)


def test_runbook_comes_before_the_dashboard_and_each_is_a_line_of_its_own():
    urls = [line for line in firing().text.splitlines() if line.startswith("https://")]

    assert urls[0] == "https://runbooks.example.com/HighErrorRate.md"
    assert "#dashboards/dashboard/mlwarden-production-endpoint-ranker?" in urls[1]


@pytest.mark.parametrize(
    "region, domain",
    [
        ("us-east-1", "us-east-1.console.aws.amazon.com"),
        ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
        ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
    ],
)
def test_the_dashboard_link_has_its_partition_and_its_time_range(region, domain):
    url = urlsplit(links.dashboard(region, "mlwarden-dev-fleet", start=at(0), end=at(60)))

    assert url.netloc == domain
    assert parse_qs(url.query) == {"region": [region]}
    place, _, pinned = url.fragment.partition("?")
    assert place == "dashboards/dashboard/mlwarden-dev-fleet"
    assert parse_qs(pinned) == {"start": ["2026-11-21T14:02:10.000Z"], "end": ["2026-11-21T14:03:10.000Z"]}


def test_without_a_cause_the_message_says_so_and_names_the_next_check():
    assert "not determined; next: the runbook's Diagnosis section" in firing(found=None).text


def test_a_failed_endpoint_that_nobody_configured_is_told_with_its_reason():
    failed = after(signal(endpoint_event("FAILED", 0, name="Unknown", failure="no ping")))

    message = mail.write(story.tell(failed, Reason.FIRST, now=at(30)), PLACE)

    assert message.text.splitlines()[0] == "CRITICAL Unknown: the endpoint has failed, since 14:02Z"
    assert re.search(r"^Detail +no ping$", message.text, re.MULTILINE)
    assert "dashboard/mlwarden-production-fleet?" in message.text


def test_low_values_are_told_as_too_low():
    quiet = after(alarm("NoTraffic", "ALARM", 0, value=0.0), alarm("Unhealthy", "ALARM", 1))

    message = mail.write(story.tell(quiet, Reason.FIRST, now=at(31)), PLACE)

    assert "0 requests against at least 1 request" in message.text


def test_many_alerts_are_counted_and_a_few_listed():
    incident = after(
        *(
            signal(alarm_event(f"A{n}", "ALARM", n, prefix="x-", alarmTags={"mlwarden:subject": "host/h"}))
            for n in range(9)
        )
    )

    message = mail.write(story.tell(incident, Reason.FIRST, now=at(60)), PLACE)

    assert "FIRING (9)" in message.text
    assert "+4 more on the dashboard" in message.text
    assert json.loads(message.figures)["alerts"] == 9


@pytest.mark.parametrize(
    "value, display, text",
    [
        (812_345.0, Display("ms", 0.001), "812 ms"),
        (7.432, Display("%"), "7.43 %"),
        (0.0, Display("requests"), "0 requests"),
        (1731.4, Display("requests"), "1,731 requests"),
        (84.26, Display("°C"), "84.3 °C"),
        (0.00042, Display(""), "0"),
        (-3.0, Display("W"), "-3 W"),
    ],
)
def test_values_are_told_in_the_unit_people_read(value, display, text):
    found = figures.figure(value, display)

    assert found is not None
    assert found.text == text


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_no_number_is_not_told(value):
    assert figures.figure(value, Display("ms")) is None


@pytest.mark.parametrize(
    "seconds, text",
    [(-5, "0 s"), (45, "45 s"), (360, "6 min"), (7500, "2 h 5 min"), (7200, "2 h"), (97_200, "1 d 3 h")],
)
def test_ages_are_short_and_never_negative(seconds, text):
    assert figures.age(timedelta(seconds=seconds)) == text


@settings(max_examples=150, deadline=None)
@given(
    name=st.text(min_size=1, max_size=120),
    reason=st.text(max_size=400),
    value=st.one_of(st.none(), st.floats()),
    stage=st.text(alphabet="abcdefgh-", min_size=1, max_size=20),
)
def test_whatever_comes_in_the_contract_holds(name, reason, value, stage):
    tags = {"mlwarden:subject": f"host/{name}", "mlwarden:runbook": "HighCPU", "mlwarden:owner": name}
    event = alarm_event("X", "ALARM", 0, prefix="x-", alarmTags=tags, configuration={"description": reason})
    event["detail"]["state"]["reason"] = reason  # type: ignore[index]
    one = signal(event)
    incident = after(replace(one, value=value))

    message = mail.write(story.tell(incident, Reason.FIRST, now=at(31)), Place(stage, "https://runbooks.example.com"))

    assert len(message.subject) < 100
    assert message.subject.isascii()
    assert message.subject.isprintable()
    lines = message.text.splitlines()
    assert len(lines[0]) <= 100
    assert all(len(line) <= 78 or re.fullmatch(r"https://\S+", line) for line in lines[1:])
    json.loads(message.figures, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "text, plain", [("85 °C \u2013 hot", "85 deg C - hot"), ("naïve µs\nx", "naive us x"), ("日本", "??")]
)
def test_subjects_are_ascii(text, plain):
    assert layout.ascii_only(text) == plain


@pytest.mark.parametrize(
    "condition,expected",
    [
        ("HighP99Latency", "high p99 latency"),
        ("HighGPUMemory", "high GPU memory"),
        ("GPUsMissing", "GPUs missing"),
        ("GPUXidErrors", "GPU xid errors"),
    ],
)
def test_a_condition_reads_as_words(condition, expected):
    assert expected == story.words(condition)
