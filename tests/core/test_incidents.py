import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalogue.alarm import Delivery, Severity
from core.incidents import incident as incidents
from core.incidents import labels, record
from core.incidents.alert import MAX_OBSERVATIONS, MAX_QUERIES, MAX_REASON
from core.incidents.incident import MAX_ALERTS, Incident, Outcome
from core.incidents.notification import LogEntry, Reason, needs_update
from tests.core.incident_builders import (
    GROUP_WAIT,
    after,
    alarm,
    alarm_event,
    at,
    endpoint_event,
    fold,
    signal,
)


def told(incident: Incident, seconds: float) -> Incident:
    """The incident after its message went out."""
    assert incidents.decide(incident, now=at(seconds)).sends
    claimed = incidents.claim(incident, now=at(seconds))
    return incidents.sent(claimed, claimed, now=at(seconds))


def outage() -> Incident:
    """Two symptoms, then the parent that pages."""
    return after(
        alarm("HighErrorRate", "ALARM", 0, value=7.4),
        alarm("HighP99Latency", "ALARM", 2, value=812_345.0),
        alarm("Unhealthy", "ALARM", 3),
        now=at(5),
    )


def test_the_first_message_waits_for_the_group():
    incident = outage()

    assert incidents.decide(incident, now=at(34)) is Reason.NOT_DUE
    assert incidents.decide(incident, now=at(35)) is Reason.FIRST


def test_an_incident_is_as_old_as_its_first_symptom():
    assert outage().since == at(0)


def test_a_late_first_alert_is_told_at_once():
    incident = after(alarm("Unhealthy", "ALARM", 0), now=at(600))

    assert incidents.decide(incident, now=at(600)) is Reason.FIRST


def test_children_do_not_announce():
    incident = after(alarm("HighErrorRate", "ALARM", 0), alarm("HighP99Latency", "ALARM", 1))

    assert not incident.open
    assert incidents.decide(incident, now=at(600)) is Reason.NOTHING


def test_children_join_the_incident_as_symptoms():
    incident = outage()

    assert [alert.labels.condition for alert in incident.announcing] == ["Unhealthy"]
    assert [alert.labels.condition for alert in incident.symptoms] == ["HighErrorRate", "HighP99Latency"]


def test_direct_alarms_are_recorded_and_not_told():
    incident = after(alarm("Throttled", "ALARM", 0))

    assert [alert.firing for alert in incident.alerts] == [True]
    assert incidents.decide(incident, now=at(600)) is Reason.NOTHING


def test_an_alarm_and_a_failed_endpoint_make_one_incident():
    plan = fold(alarm("Unhealthy", "ALARM", 0), signal(endpoint_event("FAILED", 4, name="Ranker", failure="no ping")))

    (change,) = plan.changes
    assert [handled.outcome for handled in change.handled] == [Outcome.OPENED, Outcome.JOINED]
    assert len(plan.notify) == 1
    assert len(plan.investigate) == 1


def test_a_flap_inside_group_wait_is_silent():
    incident = after(alarm("Unhealthy", "ALARM", 0), alarm("Unhealthy", "OK", 20))

    reason = incidents.decide(incident, now=at(60))
    quiet = incidents.resolution(incident, reason, now=at(60))

    assert reason is Reason.BRIEF
    assert quiet is not None
    assert incidents.decide(quiet, now=at(61)) is Reason.NOTHING


def test_firing_again_before_the_first_message_keeps_its_time():
    incident = after(
        alarm("Unhealthy", "ALARM", 0), alarm("Unhealthy", "OK", 5), alarm("Unhealthy", "ALARM", 10), now=at(10)
    )

    assert incidents.decide(incident, now=at(40)) is Reason.FIRST


def test_a_second_look_after_the_message_sends_nothing():
    incident = told(outage(), 35)

    assert incidents.decide(incident, now=at(36)) is Reason.UNCHANGED


def test_an_alert_that_joins_after_the_message_is_told_at_once():
    warned = told(after(alarm("HighGPU", "ALARM", 0)), 30)

    worse = after(alarm("Unhealthy", "ALARM", 300), incident=warned)

    assert incidents.decide(worse, now=at(300)) is Reason.NEW_ALERTS
    assert worse.severity is Severity.CRITICAL
    assert worse.id == warned.id


def test_a_ticket_that_joins_a_page_does_not_page_again():
    paged = told(outage(), 35)

    joined = after(alarm("HighGPU", "ALARM", 300), incident=paged)

    assert incidents.decide(joined, now=at(300)) is Reason.UNCHANGED


def test_a_ticket_that_outlasts_the_page_it_joined_is_told_then():
    joined = after(alarm("HighGPU", "ALARM", 300), incident=told(outage(), 35))

    alone = after(alarm("Unhealthy", "OK", 600), incident=joined)

    assert incidents.decide(alone, now=at(600)) is Reason.NEW_ALERTS
    assert alone.severity is Severity.WARNING


def test_an_alert_that_fires_again_within_an_incident_is_told_again():
    both = told(after(alarm("Unhealthy", "ALARM", 0), alarm("HighGPU", "ALARM", 1)), 40)
    half = after(alarm("Unhealthy", "OK", 100), incident=both)

    again = after(alarm("Unhealthy", "ALARM", 9000), incident=half)

    assert incidents.decide(again, now=at(9000)) is Reason.NEW_ALERTS
    assert again.id == both.id


def test_the_end_is_told_to_those_who_were_told_of_the_worst():
    paged = told(after(alarm("Unhealthy", "ALARM", 0)), 30)
    joined = after(alarm("HighGPU", "ALARM", 100), incident=paged)
    eased = told(after(alarm("Unhealthy", "OK", 200), incident=joined), 201)

    over = after(alarm("HighGPU", "OK", 300), incident=eased)

    assert incidents.decide(over, now=at(300)) is Reason.ALL_RESOLVED
    assert over.log is not None
    assert over.log.severity is Severity.CRITICAL


def test_a_symptom_that_joins_after_the_message_is_not_told():
    incident = after(alarm("HighErrorRate", "ALARM", 300), incident=told(after(alarm("Unhealthy", "ALARM", 0)), 30))

    assert incidents.decide(incident, now=at(400)) is Reason.UNCHANGED


def test_the_end_is_told_at_once_and_once():
    over = after(alarm("Unhealthy", "OK", 900), incident=told(outage(), 35))

    assert incidents.decide(over, now=at(900)) is Reason.ALL_RESOLVED
    assert incidents.decide(told(over, 901), now=at(902)) is Reason.NOTHING


def test_an_incident_does_not_end_before_its_last_announcing_alert():
    both = told(after(alarm("Unhealthy", "ALARM", 0), alarm("HighGPU", "ALARM", 1)), 40)

    half = after(alarm("Unhealthy", "OK", 100), incident=both)

    assert half.open
    assert incidents.decide(half, now=at(100)) is Reason.UNCHANGED


def test_firing_again_before_the_end_was_told_sends_nothing():
    over = after(alarm("Unhealthy", "OK", 900), incident=told(outage(), 35))

    again = after(alarm("Unhealthy", "ALARM", 901), incident=over)

    assert again.open
    assert again.id == over.id
    assert incidents.decide(again, now=at(902)) is Reason.UNCHANGED


def test_firing_again_after_the_end_is_a_new_incident_and_archives_the_old():
    over = told(after(alarm("Unhealthy", "OK", 900), incident=told(outage(), 35)), 901)

    plan = fold(alarm("Unhealthy", "ALARM", 2000), incident=over)

    (change,) = plan.changes
    assert change.incident.id != over.id
    assert change.incident.since == at(2000)
    assert [past.id for past in change.closed] == [over.id]


def test_a_claim_keeps_others_off_until_its_lease_ends():
    claimed = incidents.claim(outage(), now=at(35))

    assert incidents.decide(claimed, now=at(36)) is Reason.CLAIMED
    assert incidents.decide(claimed, now=at(96)) is Reason.FIRST


def test_sending_again_after_a_crash_carries_the_same_id():
    first = incidents.claim(outage(), now=at(35))
    again = incidents.claim(first, now=at(96))

    assert first.claim is not None
    assert again.claim is not None
    assert first.claim.notification_id == again.claim.notification_id


def test_what_changed_while_a_message_was_sent_stays_owed():
    claimed = incidents.claim(outage(), now=at(35))
    over = after(alarm("Unhealthy", "OK", 36), incident=claimed)

    logged = incidents.sent(over, claimed, now=at(37))

    assert incidents.decide(logged, now=at(37)) is Reason.ALL_RESOLVED


def test_missing_data_keeps_an_alert_firing_and_says_since_when():
    incident = after(alarm("Unhealthy", "ALARM", 0), alarm("Unhealthy", "INSUFFICIENT_DATA", 60))

    (alert,) = incident.alerts
    assert alert.firing
    assert alert.data_lost_at == at(60)


def test_missing_data_before_anything_fired_means_nothing():
    incident = after(alarm("Unhealthy", "INSUFFICIENT_DATA", 0))

    assert not incident.alerts[0].firing
    assert not incident.open


def test_data_that_comes_back_bad_continues_the_episode():
    incident = after(
        alarm("Unhealthy", "ALARM", 0),
        alarm("Unhealthy", "INSUFFICIENT_DATA", 60),
        alarm("Unhealthy", "ALARM", 120, previous="INSUFFICIENT_DATA"),
    )

    assert incident.alerts[0].starts_at == at(0)


def test_a_new_episode_does_not_merge_with_one_whose_end_was_never_seen():
    incident = after(alarm("Unhealthy", "ALARM", 0), alarm("Unhealthy", "ALARM", 500, previous="OK"))

    assert incident.alerts[0].starts_at == at(500)


def test_a_late_event_is_kept_and_changes_nothing():
    over = after(alarm("Unhealthy", "OK", 100))

    plan = fold(alarm("Unhealthy", "ALARM", 50), incident=over, now=at(200))

    (change,) = plan.changes
    assert [handled.outcome for handled in change.handled] == [Outcome.LATE]
    assert not change.incident.open


def test_at_the_same_instant_alarm_wins():
    for states in (("ALARM", "OK"), ("OK", "ALARM")):
        incident = after(*(alarm("Unhealthy", state, 0) for state in states))

        assert incident.alerts[0].firing
        assert incident.alerts[0].ambiguous


def test_a_muted_alarm_is_recorded_and_not_told():
    mute = {"mutedByArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm-mute-rule:nightly"}

    plan = fold(signal(alarm_event("Unhealthy", "ALARM", 0, muteDetail=mute)))

    (change,) = plan.changes
    assert [handled.outcome for handled in change.handled] == [Outcome.MUTED]
    assert change.incident.alerts[0].firing
    assert not change.incident.open


def test_an_unknown_alarm_is_labelled_by_its_tags_then_by_itself():
    tagged = alarm_event(
        "X",
        "ALARM",
        prefix="other-",
        alarmTags={
            "mlwarden:severity": "critical",
            "mlwarden:owner": "team-a",
            "mlwarden:subject": "host/gpu-7",
        },
    )
    bare = alarm_event("X", "ALARM", prefix="other-")

    known, unknown = (labels.classify(signal(event), {}) for event in (tagged, bare))

    assert (known.severity, known.owner, known.group) == (Severity.CRITICAL, "team-a", "host/gpu-7")
    assert (unknown.severity, unknown.delivery, unknown.group) == (Severity.WARNING, Delivery.INCIDENT, "alarm/other-x")


def test_a_deployment_told_by_events_is_remembered_with_what_it_replaced():
    incident = after(
        signal(endpoint_event("IN_SERVICE", 0, config="cfg-1")),
        signal(endpoint_event("UPDATING", 100, config="cfg-1", pending="cfg-2")),
        signal(endpoint_event("IN_SERVICE", 200, config="cfg-2")),
    )

    assert [(change.previous, change.config) for change in incident.changes] == [("", "cfg-1"), ("cfg-1", "cfg-2")]


def test_a_rolling_back_endpoint_informs_and_a_failed_roll_back_pages():
    rolling = after(signal(endpoint_event("ROLLING_BACK", 0)))
    failed = after(signal(endpoint_event("UPDATE_ROLLBACK_FAILED", 60)), incident=rolling)

    assert not rolling.open
    assert failed.open


def test_a_repeated_event_changes_nothing_but_is_told_of_again():
    opening = alarm("Unhealthy", "ALARM", 0)
    incident = after(opening)

    plan = fold(opening, incident=incident, seen=frozenset({opening.event_key}))

    assert plan.changes == ()
    assert plan.notify == (incident,)


def test_one_poison_signal_fails_alone(monkeypatch):
    from core.incidents import batch

    def step(incident, one, *rest, **more):
        if one.alarm_name.endswith("HighGPU"):
            raise ZeroDivisionError
        return incidents.step(incident, one, *rest, **more)

    monkeypatch.setattr(batch, "step", step)

    plan = fold(alarm("HighGPU", "ALARM", 0), alarm("Unhealthy", "ALARM", 1))

    assert [name for name, _ in plan.failed] == ["r0"]
    assert len(plan.changes) == 1


def test_a_stored_incident_reads_back_as_it_was():
    incident = incidents.claim(told(outage(), 35), now=at(99))

    assert record.decode(record.encode(incident)) == incident


def test_an_alert_keeps_few_observations_and_its_start():
    signals = [alarm("Unhealthy", "ALARM", 0)]
    signals += [
        alarm("Unhealthy", "INSUFFICIENT_DATA" if n % 2 else "ALARM", 10 * n, previous="INSUFFICIENT_DATA")
        for n in range(1, 80)
    ]

    incident = after(*signals)

    assert len(incident.alerts[0].observations) == 20
    assert incident.alerts[0].starts_at == at(0)


def test_the_largest_record_fits_an_item_of_dynamodb(monkeypatch):
    metric = {"name": "Invocation5XXErrors", "namespace": "AWS/SageMaker", "dimensions": {"EndpointName": "x" * 63}}
    queries = [{"id": f"m{n}", "metricStat": {"metric": metric, "period": 60, "stat": "Sum"}} for n in range(9)]
    shape = {"configuration": {"metrics": queries}, "prefix": f"mlwarden-production-{'x' * 63}-{'v' * 63}-"}
    monkeypatch.setattr("tests.core.incident_builders.REASON", "§" * 2 * MAX_REASON)
    incident: Incident | None = None
    for number in range(2 * MAX_ALERTS):
        signals = [
            alarm(f"Condition{number}", state, 100 * number + second, value=99.50160229693434, **shape)
            for second, state in enumerate(["ALARM", "OK"] * (MAX_OBSERVATIONS // 2))
        ]
        incident = after(*signals, incident=incident, now=at(100 * number + 50))

    assert incident is not None
    assert len(incident.alerts) == MAX_ALERTS
    assert len(incident.alerts[0].queries) > MAX_QUERIES // 2
    assert len(record.encode(incident).encode()) < 400_000  # bytes: DynamoDB's limit of an item


CRITICAL, WARNING = Severity.CRITICAL, Severity.WARNING


@pytest.mark.parametrize(
    "logged, firing, severity, expected",
    [
        (None, "", None, Reason.BRIEF),
        (None, "a", WARNING, Reason.FIRST),
        ("", "a", WARNING, Reason.FIRST),
        ("a", "a", WARNING, Reason.UNCHANGED),
        ("ab", "a", WARNING, Reason.UNCHANGED),
        ("a", "ab", WARNING, Reason.NEW_ALERTS),
        ("a", "b", WARNING, Reason.NEW_ALERTS),
        ("a", "a", CRITICAL, Reason.NEW_ALERTS),
        ("a", "", None, Reason.ALL_RESOLVED),
        ("", "", None, Reason.BRIEF),
    ],
)
def test_the_decision_table(logged, firing, severity, expected):
    entry = None if logged is None else LogEntry(frozenset(logged), WARNING, at(0), 1)

    assert needs_update(entry, frozenset(firing), severity, fired=True) is expected


CONDITIONS = st.sampled_from(["Unhealthy", "HighErrorRate", "HighGPU"])
STATES = st.sampled_from(["OK", "ALARM", "INSUFFICIENT_DATA"])


@settings(max_examples=150, deadline=None)
@given(
    told_events=st.lists(st.tuples(CONDITIONS, STATES), min_size=1, max_size=14),
    seed=st.integers(0, 10_000),
    batches=st.integers(1, 5),
)
def test_neither_order_nor_repetition_changes_where_the_alerts_stand(told_events, seed, batches):
    states: dict[str, str] = {}
    signals = []
    for second, (condition, state) in enumerate(told_events):
        signals.append(alarm(condition, state, second, value=float(second), previous=states.get(condition, "OK")))
        states[condition] = state
    shuffled = [*signals, *signals[::2]]
    random.Random(seed).shuffle(shuffled)

    straight = after(*signals, now=at(20))
    stored = None
    for start in range(batches):
        part = shuffled[start::batches]
        for change in fold(*part, incident=stored, now=at(20)).changes if part else ():
            stored = change.incident

    assert stored is not None
    assert stored.alerts == straight.alerts
    assert stored.firing == straight.firing
    assert incidents.decide(stored, now=at(60)).sends == incidents.decide(straight, now=at(60)).sends


@settings(max_examples=100, deadline=None)
@given(told_events=st.lists(st.tuples(CONDITIONS, STATES, st.integers(1, 50)), min_size=1, max_size=20))
def test_every_page_is_followed_by_one_resolve_once_all_is_well(told_events):
    stored: Incident | None = None
    sent: list[Reason] = []
    second = 0

    def flush(instant: float) -> None:
        nonlocal stored
        assert stored is not None
        reason = incidents.decide(stored, now=at(instant))
        changed = incidents.resolution(stored, reason, now=at(instant))
        if changed is not None:
            stored = incidents.sent(changed, changed, now=at(instant)) if reason.sends else changed
            sent.extend([reason] if reason.sends else [])

    for condition, state, gap in told_events:
        second += gap
        stored = after(alarm(condition, state, second), incident=stored, now=at(second))
        flush(second)
    for condition in ("Unhealthy", "HighErrorRate", "HighGPU"):
        second += 1
        stored = after(alarm(condition, "OK", second), incident=stored, now=at(second))
    flush(second + GROUP_WAIT.total_seconds())

    told_of = False
    for reason in sent:
        assert told_of == (reason is not Reason.FIRST)
        told_of = reason is not Reason.ALL_RESOLVED
    assert not told_of
