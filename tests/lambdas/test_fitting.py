from dataclasses import replace

import pytest

from core.catalogue.alarm import Severity
from core.incidents import record
from core.incidents.fitting import MAX_BYTES, fitted
from core.incidents.labels import classify, pairs
from core.incidents.notification import Notification, Reason
from core.incidents.observation import observe
from tests.lambdas.builders import ACCOUNT, FACTS, RANKER, REGION, START, alarm
from tests.lambdas.conftest import POLICY


@pytest.fixture
def notification():
    signal = alarm("Unhealthy", "ALARM")
    known = classify(signal, FACTS)
    alert = observe(None, signal, pairs(signal, known, stage="s"), known, policy=POLICY, now=START).alert
    return Notification(
        "n", "INC-1", "g", "topics", Reason.FIRST, START, START, None, Severity.CRITICAL, (), RANKER, ACCOUNT, REGION,
        firing=(replace(alert, queries="[]"),) * 50, resolved=(alert,) * 50, symptoms=(alert,) * 50,
        firing_count=500, resolved_count=50, symptom_count=50,
    )  # fmt: skip


def test_what_fits_loses_only_what_decisions_need(notification):
    told = fitted(notification)

    assert {len(told.firing), len(told.resolved), len(told.symptoms)} == {50}
    assert {(alert.queries, alert.observations) for alert in told.firing} == {("", ())}
    assert fitted(told) == told


def test_lists_that_do_not_fit_are_cut_from_the_least_telling_and_the_counts_stay(notification):
    wordy = tuple(replace(alert, reason="ß" * 4000) for alert in notification.firing)

    told = fitted(replace(notification, firing=wordy, resolved=wordy, symptoms=wordy))

    assert len(record.encode_notification(told).encode()) <= MAX_BYTES
    assert told.symptoms == ()
    assert 1 <= len(told.resolved) <= len(told.firing)
    assert (told.firing_count, told.resolved_count, told.symptom_count) == (500, 50, 50)


def test_one_alert_stays_however_large_it_is(notification):
    huge = replace(notification.firing[0], reason="x" * MAX_BYTES)

    assert len(fitted(replace(notification, firing=(huge, huge))).firing) == 1
