"""Silences: alerts that fit the matchers are not told of between two instants. Kept after their end for the record.

Semantics are Alertmanager's `silence` package's: what a silence matches never changes (an edit of that expires it and
makes another), and of two versions of one the later written wins.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from core.incidents import instants
from core.incidents.policy import Matcher, Op, Pairs, fits, pattern


@dataclass(frozen=True, slots=True)
class Silence:
    """Active from `starts_at` until just before `ends_at`."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    updated_at: datetime

    def active(self, now: datetime) -> bool:
        """Whether it silences at `now`."""
        return self.starts_at <= now < self.ends_at


def create(
    matchers: tuple[Matcher, ...],
    *,
    starts_at: datetime,
    ends_at: datetime,
    created_by: str,
    comment: str,
    now: datetime,
) -> Silence:
    """A new silence; one that would begin in the past begins now. Raises ValueError saying what is wrong."""
    starts_at = max(starts_at, now)
    if not matchers:
        raise ValueError("matchers: a silence needs at least one")
    for matcher in matchers:
        if matcher.op in {Op.MATCHES, Op.MATCHES_NOT}:
            pattern(matcher.value)
    if all(matcher.holds("") for matcher in matchers):
        raise ValueError("matchers: all of them fit alerts without the label, so this would silence everything")
    if ends_at <= starts_at:
        raise ValueError(f"ends_at: {instants.show(ends_at)} is not after {instants.show(starts_at)}")
    if not created_by.strip():
        raise ValueError("created_by: who silences must be said")
    canonical = json.dumps([[str(m) for m in matchers], *map(instants.show, (starts_at, ends_at, now)), created_by])
    name = hashlib.sha256(canonical.encode()).hexdigest()[:16]
    return Silence(name, matchers, starts_at, ends_at, created_by, comment, now)


def expire(silence: Silence, *, now: datetime) -> Silence:
    """Ended now; one that had not begun never will. Raises ValueError when it is over already."""
    if silence.ends_at <= now:
        raise ValueError(f"silence {silence.id} ended at {instants.show(silence.ends_at)}")
    return replace(silence, starts_at=min(silence.starts_at, now), ends_at=now, updated_at=now)


def edit(old: Silence, new: Silence, *, now: datetime) -> tuple[Silence, ...]:
    """What is to be stored when `new` is to take the place of `old`: one record, or the old one expired and the new.

    The same record continues only where the matchers are the same, it has not ended, and a start that has passed stays.
    """
    running = old.starts_at <= now
    if old.matchers == new.matchers and old.ends_at > now and (not running or new.starts_at in (old.starts_at, now)):
        starts_at = old.starts_at if running else new.starts_at
        return (replace(new, id=old.id, starts_at=starts_at, updated_at=now),)
    return (expire(old, now=now), new) if old.ends_at > now else (new,)


def merge(one: Silence, other: Silence) -> Silence:
    """Of two versions of one silence the one written later; at the same instant the one that ends later."""
    return max(one, other, key=lambda silence: (silence.updated_at, silence.ends_at, silence.comment))


def muting(silences: Iterable[Silence], labels: Pairs, now: datetime) -> str:
    """The id of an active silence that fits the labels, or ""."""
    return next((each.id for each in silences if each.active(now) and fits(each.matchers, labels)), "")
