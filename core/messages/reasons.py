"""Why a message is sent, what comes next, what was done and what can be: in sentences."""

import shlex

from core.incidents.notification import Reason
from core.incidents.policy import Matcher, Op
from core.messages.figures import age, moment
from core.messages.layout import clean
from core.messages.limits import MAX_NAME
from core.messages.place import Place
from core.messages.story import Story

MAX_MATCHERS = 200
"""Characters of a command's matchers; of longer ones the reader makes his own."""

WORDS = {
    Reason.FIRST: "first message of this incident",
    Reason.NEW_ALERTS: "an alert fires that was not told of before",
    Reason.NEW_RESOLVED: "some of the alerts have resolved, others still fire",
    Reason.ALL_RESOLVED: "all alerts are resolved",
    Reason.REPEAT: "repeated, since it still fires and nothing else was said meanwhile",
    Reason.FLAPPING: "it keeps firing and resolving; that is told once, and then counts as firing until it settles",
    Reason.FLAPPING_ENDED: "flapping has ended, it fires steadily",
    Reason.DIGEST: "the storm guard: too many messages in a short time, so these are told as one",
    Reason.UNGROUPED: "the state store did not answer; told as it came, ungrouped, and perhaps not for the first time",
    Reason.TEST: "a test of this receiver; nothing is wrong",
}
"""A line for every reason that sends."""


def why(story: Story) -> str:
    """`Why now: first message of this incident. Next: on change, or repeat at 18:08Z.`"""
    return f"Why now: {WORDS[story.reason]}.{_next(story)}"


def _next(story: Story) -> str:
    if story.resolved or story.reason in {Reason.DIGEST, Reason.UNGROUPED, Reason.TEST}:
        return ""
    repeat = story.told.next_repeat_at
    return f" Next: on change, or repeat at {moment(repeat, story.now)}." if repeat else " Next: on change."


def action(story: Story, place: Place) -> str:
    """What the automation did, and how its messages are quietened."""
    if story.reason is Reason.DIGEST:
        return "none taken: mlwarden only watches here; what is held back is listed by: mlwarden incidents list"
    if story.resolved or story.reason in {Reason.TEST, Reason.UNGROUPED}:
        return "none taken: mlwarden only watches here"
    quiet = "see SILENCE" if place.actions else _command(story)
    return f"none taken: mlwarden only watches here; to quieten it: {quiet}"


def _command(story: Story) -> str:
    """What silences the group, as it is typed."""
    labels = ((clean(name, MAX_NAME), clean(value, MAX_NAME)) for name, value in story.told.labels)
    matchers = " ".join(shlex.quote(str(Matcher(name, Op.EQUAL, value))) for name, value in labels)
    return f"mlwarden incidents silence create {matchers if len(matchers) <= MAX_MATCHERS else '...'} --comment WHY"


def check(story: Story) -> str:
    """What to look at where no cause is known."""
    return "the runbook's Diagnosis section" if story.runbook else "the dashboard, around the first symptom"


def episodes(story: Story) -> str:
    """`3 in 22 min, 9 min of them in ALARM`; empty where nothing flapped."""
    flaps = story.told.flaps
    if flaps is None:
        return ""
    span = max((story.until or story.now) - flaps.since, flaps.in_alarm)
    return f"{flaps.episodes:,} in {age(span)}, {age(flaps.in_alarm)} of them in ALARM"


def show(story: Story) -> str:
    """The command that shows all of it."""
    told = story.told
    one = told.incident and told.reason is not Reason.DIGEST
    return f"mlwarden incidents show {told.incident}" if one else "mlwarden incidents list"
