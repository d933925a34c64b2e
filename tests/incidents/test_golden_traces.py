"""What the real Alertmanager 0.25.0 said to the same input: group_wait 2 s, group_interval 4 s, repeat 9 s."""

import pytest

from core.incidents.matchers import parse
from core.incidents.policy import Inhibition
from core.incidents.signals import State
from tests.incidents.streams import ENDS, FIRES, Stage, policy

Trace = tuple[list[tuple[str, State, float]], list[tuple[float, str, str, str]]]

A_FLAP_BEFORE_WAIT: Trace = [("x", FIRES, 0), ("x", ENDS, 1)], []
B_FIRE_AND_END = [("x", FIRES, 0), ("x", ENDS, 3)], [(2.0, "first", "x", ""), (6.0, "all-resolved", "", "x")]
C_FLAP_INSIDE_INTERVAL = (
    [("x", FIRES, 0), ("x", ENDS, 3), ("x", FIRES, 4.5)],
    [(2.0, "first", "x", ""), (14.0, "repeat", "x", "")],
)
D_JOINER = (
    [("x", FIRES, 0), ("y", FIRES, 3)],
    [(2.0, "first", "x", ""), (6.0, "new-alerts", "x y", ""), (18.0, "repeat", "x y", "")],
)
F_REPEAT = [("x", FIRES, 0)], [(2.0, "first", "x", ""), (14.0, "repeat", "x", "")]


@pytest.mark.parametrize(
    "stream, told",
    [A_FLAP_BEFORE_WAIT, B_FIRE_AND_END, C_FLAP_INSIDE_INTERVAL, D_JOINER, F_REPEAT],
    ids=["A", "B", "C", "D", "F"],
)
@pytest.mark.parametrize("critical_joiners", [True, False])
def test_a_golden_trace(stream, told, critical_joiners):
    stage = Stage(policy(critical_joiners=critical_joiners))

    for name, state, second in stream:
        stage.tell(name, state, second)
    stage.until(20)

    assert stage.told == told


def test_golden_trace_e_an_inhibited_alert_is_told_at_its_groups_next_tick_after_the_cause_has_ended():
    rule = Inhibition("down", parse('condition="Down"'), parse('condition="Slow"'), ("subject",))
    stage = Stage(policy(inhibitions=(rule,), route={"group_by": ("condition",)}))
    stage.alarm("x", condition="Slow")
    stage.alarm("down", condition="Down")

    stage.tell("x", FIRES, 0)
    stage.tell("down", FIRES, 0.5)
    stage.tell("down", ENDS, 7)
    stage.until(24)

    assert stage.told == [
        (2.5, "first", "down", ""),
        (10.0, "first", "x", ""),
        (10.5, "all-resolved", "", "down"),
        (22.0, "repeat", "x", ""),
    ]


def test_golden_trace_g_an_old_alert_is_told_at_once():
    stage = Stage(policy())

    stage.tell("x", FIRES, -3600, seen=0)
    stage.until(13)

    assert stage.told == [(0.0, "first", "x", ""), (12.0, "repeat", "x", "")]
