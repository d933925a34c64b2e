from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.incidents import changes
from core.incidents.changes import Seen
from core.incidents.evidence import Confidence
from core.incidents.findings import (
    Endpoint,
    EndpointConfig,
    Findings,
    Minute,
    Variant,
    conclude,
    denial,
)

START = datetime(2026, 11, 21, 14, 2, 10, tzinfo=UTC)
DEPLOYED = START - timedelta(minutes=4)
ENDPOINT = Endpoint(
    name="ranker",
    status="InService",
    config="ranker-2",
    created_at=START - timedelta(days=9),
    modified_at=DEPLOYED,
    variants=(Variant("AllTraffic", 2, 2),),
)
NEW = EndpointConfig("ranker-2", DEPLOYED - timedelta(minutes=2))
OLD = EndpointConfig("ranker-1", START - timedelta(days=3))
BROKEN = tuple(
    Minute(
        START.replace(second=0) - timedelta(minutes=back),
        requests=1000.0,
        failed=80.0 if back <= 4 else 0.0,
        p99_ms=800.0 if back <= 4 else 200.0,
    )
    for back in range(60, 0, -1)
)


def conclusion(findings, *words):
    return conclude(findings, changes.told(words), since=START, now=START + timedelta(seconds=10))


def test_a_deployment_that_turned_the_metrics_is_the_cause_with_high_confidence():
    found = conclusion(Findings(ENDPOINT, NEW, (NEW, OLD), BROKEN))

    assert found.cause is not None
    assert found.cause.confidence is Confidence.HIGH
    assert "ranker-2 (was ranker-1), deployed 13:58Z, 4 min before" in found.cause.text


def test_a_deployment_after_which_nothing_turned_is_less_sure():
    healthy = tuple(replace(minute, failed=0.0, p99_ms=200.0) for minute in BROKEN)

    found = conclusion(Findings(ENDPOINT, NEW, (OLD,), healthy))

    assert found.cause is not None
    assert found.cause.confidence is Confidence.MEDIUM


def test_an_endpoint_that_only_scaled_was_not_deployed():
    old = replace(NEW, created_at=START - timedelta(days=8))

    found = conclusion(Findings(ENDPOINT, old, (), BROKEN))

    assert found.cause is None


@pytest.mark.parametrize("minutes", [-5, 90])
def test_a_deployment_after_the_symptom_or_long_before_is_not_the_cause(minutes):
    when = START - timedelta(minutes=minutes)

    found = conclusion(Findings(replace(ENDPOINT, modified_at=when), replace(NEW, created_at=when), (OLD,), BROKEN))

    assert found.cause is None


def test_an_event_tells_of_the_deployment_when_the_endpoint_cannot_be_read():
    updating = Seen(DEPLOYED, "ranker-1", "ranker-2")

    found = conclusion(Findings(missing=(("endpoint", "throttled by AWS"),)), updating)

    assert found.cause is not None
    assert "ranker-2 (was ranker-1)" in found.cause.text
    assert [entry.text for entry in found.evidence][-1] == "endpoint: not read (throttled by AWS)"


def test_a_failed_endpoint_tells_its_own_cause():
    failed = replace(ENDPOINT, status="Failed", failure="no ping")

    found = conclusion(Findings(failed, NEW, (OLD,), BROKEN))

    assert found.cause is not None
    assert found.cause.text == "the endpoint is Failed: no ping"


def test_no_datapoints_are_said():
    found = conclusion(Findings(ENDPOINT, NEW))

    assert "no datapoints of the endpoint's traffic since the first symptom" in [e.text for e in found.evidence]
    assert found.impact is None


def test_a_deployment_told_by_events_is_known_with_what_it_replaced():
    words = [
        Seen(START, "cfg-1"),
        Seen(START + timedelta(100), "cfg-1", "cfg-2"),
        Seen(START + timedelta(200), "cfg-2"),
    ]

    found = changes.told(reversed([changes.decode(changes.encode(word)) for word in words]))

    assert [(change.previous, change.config) for change in found] == [("", "cfg-1"), ("cfg-1", "cfg-2")]


@pytest.mark.parametrize(
    "code, message, told",
    [
        ("ThrottlingException", "", "throttled by AWS"),
        ("AccessDeniedException", "", "access denied: the function's role lacks the permission"),
        ("ValidationException", 'Could not find endpoint "x".', "not found"),
        ("ValidationException", "bad name", "ValidationException"),
    ],
)
def test_refusals_are_told_in_words(code, message, told):
    assert denial(code, message) == told
