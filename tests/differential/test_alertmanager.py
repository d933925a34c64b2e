"""The same streams to the real Alertmanager and to the engine: who is told of what, in which order, when.

Wall clock is allowed here alone. The timers are scaled down; flapping, the storm guard and critical joiners are off,
and emptied groups linger for the whole run, which ends before Alertmanager's first clean-up (30 s after its start).
One more difference is kept out of the streams: an alert that was told and ends while inhibited, or is inhibited before
the flush that would tell its end, is told to have ended once it no longer is; Alertmanager never says so.
"""

import random
import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

import pytest

from benchmarks import alertmanager
from core.incidents import matchers
from core.incidents.engine import Engine
from core.incidents.policy import Channel, ChannelKind, Inhibition, Pairs, Policy, Receiver, Route
from core.incidents.signals import AlarmSignal, State
from core.incidents.silences import create
from tests.incidents.streams import ACCOUNT, REGION, facts

WAIT, INTERVAL, REPEAT = 0.5, 1.0, 2.25
TOLERANCE, STRAGGLING, STRAGGLERS = 0.15, 0.45, 0.02
"""Seconds that a message of Alertmanager may come late; and how late a fiftieth of them may, on a busy machine."""
STREAMS, LENGTH = 120, 10
ATTEMPTS = 3
SLOTS = (-0.15, 0.0, 0.15)
"""Around whole seconds, so that no event comes near a tick, half a second away."""


@dataclass(frozen=True, slots=True)
class Move:
    """An alert of a stream fires or ends `at` seconds after the run's start; `age` is how old it then says it is."""

    at: float
    stream: int
    name: str
    fires: bool
    age: float = 0.0

    @property
    def labels(self) -> Pairs:
        condition, zone = {"down": ("Down", "z"), "slow": ("Slow", "z"), "other": ("Slow", "y")}.get(
            self.name, ("", "")
        )
        own = {
            "alertname": self.name,
            "stream": f"s{self.stream}",
            "condition": condition,
            "zone": zone,
            "ends": "no" if self.stream % 5 == 4 else "yes",
        }
        return tuple(sorted((name, value) for name, value in own.items() if value))


def moves(seed: int) -> list[Move]:
    """Random streams of four kinds: plain, old first alert, inhibition, silence."""
    chance, found = random.Random(seed), []
    for stream in range(STREAMS):
        kind = stream % 4
        firing: set[str] = set()
        first, ended = True, -INTERVAL
        names = ("down", "slow", "other") if kind == 2 else ("a", "b", "c")
        phase = 0.5 if kind == 1 else 0.0
        for second in range(1, LENGTH):
            for slot in SLOTS:
                if chance.random() > 0.35 and not (first and second == 2):
                    continue
                name = "a" if first and kind != 2 else chance.choice(names)
                if kind == 2 and name != "down" and name in firing and "down" in firing:
                    continue
                if kind == 2 and name == "down" and second + slot - ended < 1.5 * INTERVAL:
                    continue
                if kind == 2 and name in firing:
                    ended = second + slot
                age = 3600.0 if kind == 1 and first else 0.0
                where = second + (0.0 if first else phase) + slot
                found.append(Move(where, stream, name, name not in firing, age))
                firing ^= {name}
                first = False
                if kind == 1 and len(found) and found[-1].age:
                    phase = 0.5 + slot
                    break
    return sorted(found, key=lambda move: move.at)


def configuration() -> dict[str, Any]:
    hook = {"url": "HOOK"}
    return {
        "route": {
            "receiver": "all",
            "group_by": ["stream", "condition"],
            "group_wait": "500ms",
            "group_interval": "1s",
            "repeat_interval": "2250ms",
            "routes": [
                {"matchers": ['ends="no"'], "receiver": "quiet"},
                {"matchers": ['alertname="c"'], "receiver": "more", "continue": True, "group_by": ["..."]},
            ],
        },
        "receivers": [
            {"name": "all", "webhook_configs": [{**hook, "send_resolved": True}]},
            {"name": "quiet", "webhook_configs": [{**hook, "send_resolved": False}]},
            {"name": "more", "webhook_configs": [{**hook, "send_resolved": True}]},
        ],
        "inhibit_rules": [
            {"source_matchers": ["condition=Down"], "target_matchers": ["condition=Slow"], "equal": ["stream", "zone"]}
        ],
    }


def policy() -> Policy:
    timers = timedelta(seconds=WAIT), timedelta(seconds=INTERVAL), timedelta(seconds=REPEAT)
    by = ("stream", "condition")
    channels = (Channel(ChannelKind.SNS),)
    routes = (
        Route("quiet", "quiet", matchers.parse("ends=no"), by, *timers),
        Route("more", "more", matchers.parse("alertname=c"), ("...",), *timers, continues=True),
    )
    return Policy(
        Route("root", "all", (), by, *timers, routes=routes),
        receivers=(
            Receiver("all", channels),
            Receiver("quiet", channels, send_resolved=False),
            Receiver("more", channels),
        ),
        inhibitions=(
            Inhibition("down", matchers.parse("condition=Down"), matchers.parse("condition=Slow"), ("stream", "zone")),
        ),
        flapping=False,
        storm_limit=0,
        critical_joiners=False,
        linger=timedelta(hours=1),
    )


SILENCED = [stream for stream in range(STREAMS) if stream % 4 == 3 and stream % 8 == 3]
SILENCE_ENDS = 4.0
Notice = tuple[str, tuple[str, ...], tuple[str, ...]]
"""Receiver, what fires, what has ended."""
Said = dict[str, list[tuple[float, Notice]]]
"""By stream: seconds since the start, and what was said."""


@dataclass(frozen=True, slots=True)
class Run:
    """What Alertmanager and the engine said to the same streams, by stream; what counts is before `horizon`."""

    real: Said
    ours: Said
    horizon: float

    @property
    def differences(self) -> list[object]:
        """The streams on which they differ; or the delays, where too many messages came late."""
        wrong: list[object] = []
        late: list[float] = []
        for stream in sorted({*self.real, *self.ours}):
            theirs, own = (sorted(said.get(stream, ()), key=_by_receiver) for said in (self.real, self.ours))
            delays = _alike(theirs, own, self.horizon)
            if delays is None:
                wrong.append((stream, theirs, own))
            late += delays or ()
        if not wrong and sum(delay > TOLERANCE for delay in late) > STRAGGLERS * len(late):
            wrong.append(("late", sorted(late)[-10:]))
        return wrong


@pytest.fixture(scope="module")
def run() -> Run:
    """The first of three runs in which both agree, else the last: a busy machine delays Alertmanager's timers."""
    program = alertmanager.binary()
    if program is None:
        pytest.skip(f"{alertmanager.BINARY} is not installed; on Debian: apt install {alertmanager.BINARY}")
    found = _run(program)
    for _ in range(ATTEMPTS - 1):
        if not found.differences:
            break
        found = _run(program)
    return found


def _run(program: str) -> Run:
    with alertmanager.running(program, configuration()) as real:
        begun = time.time() + 0.5
        starts: dict[tuple[int, str], float] = {}
        sent: list[tuple[float, Move]] = []
        for stream in SILENCED:
            real.post("/api/v2/silences", _silence(stream, begun))
        for instant, batch in groupby(moves(7), key=lambda move: move.at):
            time.sleep(max(begun + instant - time.time(), 0))
            now, told = time.time(), list(batch)
            for move in told:
                if move.fires:
                    starts[move.stream, move.name] = now - move.age
            real.post("/api/v2/alerts", [_posted(move, starts[move.stream, move.name], now) for move in told])
            sent += [(now, move) for move in told]
        time.sleep(4)
        last = time.time()
        heard = list(real.heard)
    return Run(_of_alertmanager(heard, begun), _of_engine(sent, begun, last), last - begun - 2 * TOLERANCE)


def _posted(move: Move, start: float, now: float) -> dict[str, Any]:
    ends = {} if move.fires else {"endsAt": _text(now)}
    return {"labels": dict(move.labels), "startsAt": _text(start), **ends}


def _silence(stream: int, begun: float) -> dict[str, Any]:
    matcher = {"name": "stream", "value": f"s{stream}", "isRegex": False, "isEqual": True}
    one = {"name": "alertname", "value": "a|b", "isRegex": True, "isEqual": True}
    return {
        "matchers": [matcher, one],
        "startsAt": _text(begun - 1),
        "endsAt": _text(begun + SILENCE_ENDS),
        "createdBy": "test",
        "comment": "",
    }


def _text(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat()


def _of_alertmanager(heard: list[tuple[float, dict[str, Any]]], begun: float) -> Said:
    found: Said = defaultdict(list)
    for now, payload in heard:
        states: dict[str, list[str]] = {"firing": [], "resolved": []}
        for alert in payload["alerts"]:
            states[alert["status"]].append(alert["labels"]["alertname"])
        stream = payload["alerts"][0]["labels"]["stream"]
        notice = payload["receiver"], tuple(sorted(states["firing"])), tuple(sorted(states["resolved"]))
        found[stream].append((now - begun, notice))
    return found


def _of_engine(sent: list[tuple[float, Move]], begun: float, last: float) -> Said:
    engine = Engine(policy())
    for stream in SILENCED:
        engine.silence(
            create(
                matchers.parse(f'stream=s{stream},alertname=~"a|b"'),
                starts_at=_instant(begun - 1),
                ends_at=_instant(begun + SILENCE_ENDS),
                created_by="test",
                comment="",
                now=_instant(begun - 1),
            )
        )
    said = []
    for now, move in sent:
        arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{move.stream}-{move.name}"
        state = State.ALARM if move.fires else State.OK
        one = AlarmSignal(ACCOUNT, REGION, arn, move.name, state, _instant(now - move.age))
        said += engine.step(one, move.labels, facts(move.name), now=_instant(now))
    said += engine.tick(_instant(last))
    found: Said = defaultdict(list)
    for each in said:
        alerts = (*each.firing, *each.resolved)
        firing, ended = (tuple(sorted(alert.source for alert in part)) for part in (each.firing, each.resolved))
        notice: Notice = each.receiver, firing, ended
        found[dict(alerts[0].labels)["stream"]].append((each.at.timestamp() - begun, notice))
    return found


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_both_say_the_same_in_the_same_order_at_the_same_times(run):
    wrong = run.differences

    assert not wrong, f"{len(wrong)} of {len(run.real)} streams differ; the first: {wrong[0]}"


def _alike(theirs: list[tuple[float, Notice]], own: list[tuple[float, Notice]], horizon: float) -> list[float] | None:
    """How late each message came, None where others were sent; what is said near the end may be cut off in one."""
    delays: list[float] = []
    for group in {_by_receiver(said)[:2] for said in (*theirs, *own)}:
        one, other = ([said for said in part if _by_receiver(said)[:2] == group] for part in (theirs, own))
        length = min(len(one), len(other))
        if any(when < horizon for when, _ in (*one[length:], *other[length:])):
            return None
        for (when, notice), (due, expected) in zip(one[:length], other[:length], strict=True):
            if notice != expected or not -0.02 <= when - due <= STRAGGLING:
                return None
            delays.append(when - due)
    return delays


def _by_receiver(said: tuple[float, Notice]) -> tuple[str, tuple[str, ...], float]:
    """Groups of one stream are told independently of one another; each has its own order."""
    when, (receiver, firing, resolved) = said
    kinds = tuple(sorted({"down" if name == "down" else "" for name in (*firing, *resolved)}))
    return receiver, kinds, when


def test_the_streams_are_worth_it(run):
    notices = [notice for told in run.real.values() for _, notice in told]

    assert len(notices) > 4 * STREAMS
    assert {receiver for receiver, _, _ in notices} == {"all", "quiet", "more"}
