from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalogue.alarm import Severity
from core.incidents.alert import Alert, Outcome
from core.incidents.observation import MAX_OBSERVATIONS, MAX_REASON, observe, settle
from core.incidents.policy import MissingData, Policy, Route
from core.incidents.signals import EventSignal, Source, State
from tests.incidents.streams import ENDS, FIRES, LOST, at, facts, labels, seconds, signal

POLICY = Policy(Route("root", "topics"))


def after(*told: tuple[object, ...], policy: Policy = POLICY, now: float = 1000.0, **more: object) -> Alert:
    """The alert after (state, second) or (state, second, previous), in the order of arrival."""
    alert: Alert = outcomes(*told, policy=policy, now=now, **more)[0]
    return alert


def outcomes(*told, policy=POLICY, now=1000.0, **more):
    alert, found = None, []
    for state, second, *previous in told:
        one = signal("x", state, second, previous=previous[0] if previous else None, **more)
        observed = observe(alert, one, labels("x"), facts("x"), policy=policy, now=at(now))
        alert = observed.alert
        found.append(observed.outcome.value)
    return alert, found


def test_an_event_that_was_seen_changes_nothing():
    alert = after((FIRES, 0))

    again = observe(alert, signal("x", FIRES, 0), labels("x"), facts("x"), policy=POLICY, now=at(5))

    assert again.outcome is Outcome.DUPLICATE
    assert again.alert is alert


def test_a_late_edge_changes_no_state_and_counts_as_a_start():
    over = after((ENDS, 100))

    late = observe(over, signal("x", FIRES, 50), labels("x"), facts("x"), policy=POLICY, now=at(200))

    assert late.outcome is Outcome.LATE
    assert (late.alert.firing, late.alert.state, late.alert.at) == (False, State.OK, at(100))
    assert late.alert.flap is not None
    assert late.alert.flap.episodes == 1


def test_a_late_alarm_counts_where_only_missing_data_is_newer():
    alert, found = outcomes((LOST, 60), (FIRES, 0))

    assert alert.firing
    assert (alert.starts_at, alert.data_lost_at) == (at(0), at(60))
    assert found == ["noted", "fired"]


def test_a_late_end_counts_where_only_missing_data_is_newer():
    alert, found = outcomes((FIRES, 0), (LOST, 60), (ENDS, 30))

    assert not alert.firing
    assert alert.ends_at == at(30)
    assert found == ["fired", "noted", "resolved"]


@pytest.mark.parametrize("states", list(permutations([FIRES, ENDS])))
def test_at_the_same_instant_alarm_wins_and_somebody_is_to_look(states):
    alert = after(*((state, 0) for state in states))

    assert alert.firing
    assert alert.ambiguous


@pytest.mark.parametrize(
    "missing, firing_after_alarm, firing_after_ok",
    [(MissingData.KEEP, True, False), (MissingData.RESOLVE, False, False), (MissingData.FIRE, True, True)],
)
def test_missing_data_does_what_the_policy_says(missing, firing_after_alarm, firing_after_ok):
    policy = Policy(Route("root", "topics"), missing_data=missing)

    assert after((FIRES, 0), (LOST, 60), policy=policy).firing is firing_after_alarm
    assert after((ENDS, 0), (LOST, 60), policy=policy).firing is firing_after_ok


def test_data_that_comes_back_bad_continues_the_episode_that_was_kept():
    alert = after((FIRES, 0), (LOST, 60), (FIRES, 120, LOST))

    assert alert.starts_at == at(0)
    assert alert.data_lost_at is None
    assert alert.flap is not None
    assert alert.flap.episodes == 1


def test_data_that_comes_back_bad_opens_an_episode_where_none_was_kept():
    assert after((ENDS, 0), (LOST, 60), (FIRES, 120, LOST)).starts_at == at(120)


def test_a_new_episode_does_not_merge_with_one_whose_end_was_never_seen():
    assert after((FIRES, 0), (FIRES, 500, ENDS)).starts_at == at(500)


def test_a_running_episode_begins_with_its_earliest_alarm_however_late_that_comes():
    assert after((FIRES, 50, LOST), (FIRES, 10)).starts_at == at(10)


def test_a_start_in_the_future_is_now():
    alert = after((FIRES, 300), now=0)

    assert alert.starts_at == at(0)
    assert alert.at == at(300)


def test_an_episode_that_ends_by_itself_ends_then_and_not_before():
    failed = EventSignal(
        Source.SAGEMAKER, "1", "eu-west-1", "job", "train", "JobFailed", FIRES, at(0), "the job has failed",
        (("job", "train"),), resolves_at=at(600),
    )  # fmt: skip
    alert = observe(None, failed, labels("x"), facts("x"), policy=POLICY, now=at(0)).alert

    assert settle(alert, now=at(599)) is alert
    assert not settle(alert, now=at(600)).firing
    assert settle(alert, now=at(900)).ends_at == at(600)


def test_an_event_of_the_same_instant_that_is_no_longer_muted_lifts_the_mute_once():
    alert = after((FIRES, 0), muted_by="nightly")
    lifted = observe(alert, signal("x", FIRES, 0), labels("x"), facts("x"), policy=POLICY, now=at(9))

    again = observe(
        lifted.alert, signal("x", FIRES, 0, muted_by="nightly"), labels("x"), facts("x"), policy=POLICY, now=at(9)
    )

    assert lifted.outcome is Outcome.NOTED
    assert lifted.alert.muted_by == ""
    assert again.outcome is Outcome.DUPLICATE


def test_an_alert_that_flaps_is_not_made_light_of():
    alert = None
    for second, state in enumerate([FIRES, ENDS] * 3 + [FIRES]):
        worse = facts("x", severity=Severity.CRITICAL if second < 6 else Severity.INFO)
        alert = observe(alert, signal("x", state, 60 * second), labels("x"), worse, policy=POLICY, now=at(999)).alert

    assert alert is not None
    assert alert.flapping
    assert alert.severity is Severity.CRITICAL


def test_few_observations_are_kept_and_the_start_of_a_running_episode():
    told = [(FIRES, 0), *((LOST if n % 2 else FIRES, 10 * n, FIRES if n % 2 else LOST) for n in range(1, 40))]

    alert = after(*told, (FIRES, 5, LOST))

    assert len(alert.observations) == MAX_OBSERVATIONS
    assert alert.starts_at == at(0)


def test_a_long_reason_is_cut():
    assert len(after((FIRES, 0), reason="x" * 4000).reason) == MAX_REASON


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([FIRES, ENDS, LOST]), min_size=1, max_size=7), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_changes_where_an_alert_stands(states, chance):
    told, previous = [], ENDS
    for second, state in enumerate(states):
        if state is previous:
            continue
        told.append((state, 10 * second, previous))
        previous = state
    shuffled = [*told, *told[::2]]
    chance.shuffle(shuffled)

    straight, mixed = (after(*order) if order else None for order in (told, shuffled))

    if straight is None or mixed is None:
        return
    for name in ("state", "at", "firing", "starts_at", "ends_at", "data_lost_at", "observations"):
        assert getattr(straight, name) == getattr(mixed, name), name


def test_seconds_and_instants_agree():
    assert seconds(at(4.5) + timedelta(milliseconds=250)) == 4.75
