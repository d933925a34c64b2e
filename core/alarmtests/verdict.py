"""Whether what happened is what a test expects, and if not, what was expected, what came, and what decided it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import zip_longest

from core.alarmtests.document import Case, Contributors, Expected, ExpectedMessage
from core.alarmtests.record import Evidence, Record, Told
from core.cloudwatch.notation import spelled
from core.toml_places import Place

Why = Callable[[str, timedelta], Evidence]
"""What decided an alarm's state at a time."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One expectation that was not met. `about` is the alarm, or `messages`."""

    place: Place
    about: str
    expected: str
    got: str
    evidence: Evidence | None = None
    at: timedelta | None = None


def check(case: Case, record: Record, why: Why) -> tuple[Failure, ...]:
    """Every expectation of `case` that `record` does not meet, in the order of the file."""
    found = [failure for expected in case.expected for failure in _alarm(expected, record, why)]
    if case.messages is not None:
        found += _messages(case, case.messages, record.messages)
    return tuple(found)


def _alarm(expected: Expected, record: Record, why: Why) -> Iterator[Failure]:
    name = expected.alarm
    for moment in expected.states:
        state = record.state(name, moment.at)
        if state is not moment.state:
            at = spelled(moment.at)
            evidence = why(name, moment.at)
            yield Failure(moment.place, name, f"{at} {moment.state}", f"{at} {state}", evidence, moment.at)
    if expected.transitions is not None:
        wanted = [(moment.at, moment.state.value) for moment in expected.transitions]
        came = [(change.at, change.state.value) for change in record.changes_of(name)]
        yield from _sequence(expected, "transitions", wanted, came, why)
    if expected.actions is not None:
        wanted = [(act.at, act.target) for act in expected.actions]
        came = [(done.at, target(done.target)) for done in record.actions if done.alarm == name]
        yield from _sequence(expected, "actions", wanted, came, why)
    for contributors in expected.contributors:
        yield from _contributors(expected, contributors, record)


def _sequence(
    expected: Expected,
    what: str,
    wanted: Sequence[tuple[timedelta, str]],
    came: Sequence[tuple[timedelta, str]],
    why: Why,
) -> Iterator[Failure]:
    """One failure a sequence, with what decided at the first difference."""
    if list(wanted) == list(came):
        return
    pairs = zip_longest(wanted, came)
    one, other = next((one, other) for one, other in pairs if one != other)
    at = min(pair[0] for pair in (one, other) if pair is not None)
    yield Failure(
        expected.place,
        expected.alarm,
        f"{what} {_listed(wanted)}",
        f"{what} {_listed(came)}",
        why(expected.alarm, at),
        at,
    )


def _listed(pairs: Sequence[tuple[timedelta, str]]) -> str:
    return "[" + ", ".join(f"{spelled(at)} {word}" for at, word in pairs) + "]"


def target(arn: str) -> str:
    """What an action is called in a test: the last part of its ARN."""
    return arn.rsplit(":", 1)[-1]


def _contributors(expected: Expected, wanted: Contributors, record: Record) -> Iterator[Failure]:
    came = next(
        (seen.attributes for seen in record.contributors if (seen.alarm, seen.at) == (expected.alarm, wanted.at)), ()
    )
    if sorted(came) != sorted(wanted.attributes):
        at = spelled(wanted.at)
        spoken = [
            ", ".join("{" + _pairs(one) + "}" for one in sorted(each)) or "none" for each in (wanted.attributes, came)
        ]
        yield Failure(wanted.place, expected.alarm, f"{at} contributors {spoken[0]}", f"{at} contributors {spoken[1]}")


def _pairs(attributes: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name}={value}" for name, value in attributes)


def _messages(case: Case, wanted: Sequence[ExpectedMessage], came: Sequence[Told]) -> Iterator[Failure]:
    for expected, told in zip_longest(wanted, came):
        if expected is None:
            yield Failure(case.place, "messages", "no more messages", _told(told))
        elif told is None:
            yield Failure(expected.place, "messages", _wanted(expected), "no such message")
        elif lacking := _lacking(expected, told):
            yield Failure(expected.place, "messages", lacking, _told(told))


def _lacking(expected: ExpectedMessage, told: Told) -> str:
    """What the message was expected to be and is not."""
    if told.at != expected.at:
        return f"a message at {spelled(expected.at)}"
    if expected.topic and expected.topic != told.topic:
        return f"{spelled(expected.at)}, topic {expected.topic}"
    for part, text, wanted in (("subject", told.subject, expected.subject), ("body", told.body, expected.body)):
        for one in wanted:
            if one not in text:
                return f"{spelled(expected.at)}, a {part} that contains {one!r}"
    return ""


def _wanted(expected: ExpectedMessage) -> str:
    texts = [repr(text) for text in (*expected.subject, *expected.body)]
    return f"a message at {spelled(expected.at)}" + (f" with {', '.join(texts)}" if texts else "")


def _told(told: Told) -> str:
    return f"{spelled(told.at)}, topic {told.topic}, subject {told.subject!r}, body:\n{told.body}"
