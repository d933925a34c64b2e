"""Silences as people write them: matchers, from when, for how long, and why."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from core.incidents import instants, matchers, silences
from core.incidents.policy import Matcher
from core.incidents.silences import Silence

_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?")
_UNITS = (604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1)
MAX_DURATION = timedelta(days=366)
_KEYS = {"id", "matchers", "starts_at", "ends_at", "duration", "created_by", "comment"}


def duration(text: str) -> timedelta:
    """A duration as Prometheus writes it, such as `1h30m`; raises ValueError."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not text.strip() or len(text) > 40:
        raise ValueError(f"{text!r} is not a duration, such as 30m, 1h30m or 2d")
    milliseconds = sum(int(count or 0) * unit for count, unit in zip(found.groups(), _UNITS, strict=True))
    if not 0 < milliseconds <= MAX_DURATION / timedelta(milliseconds=1):
        raise ValueError(f"{text!r} is not above 0 and at most a year")
    return timedelta(milliseconds=milliseconds)


def parse(found: Any, *, now: datetime) -> Silence:
    """A silence from JSON: matchers, ends_at or duration, perhaps starts_at, created_by, comment and id.

    Raises ValueError, beginning with the key that is wrong.
    """
    if not isinstance(found, dict):
        raise ValueError("matchers: an object with matchers and duration or ends_at is needed")  # noqa: TRY004
    unknown = sorted(set(found) - _KEYS)
    if unknown:
        raise ValueError(f"{unknown[0]}: unknown; {', '.join(sorted(_KEYS))} are known")
    starts_at = _instant(found, "starts_at") or now
    made = silences.create(
        _matchers(found.get("matchers")),
        starts_at=starts_at,
        ends_at=_end(found, max(starts_at, now)),
        created_by=str(found.get("created_by") or "simulation"),
        comment=str(found.get("comment") or ""),
        now=now,
    )
    identity = found.get("id", made.id)
    if not isinstance(identity, str) or not identity:
        raise ValueError("id: a text is needed")
    return Silence(identity, *(getattr(made, name) for name in Silence.__slots__[1:]))


def _matchers(found: Any) -> tuple[Matcher, ...]:
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError('matchers: a list of texts such as subject="ranker" is needed')
    try:
        return tuple(matcher for each in found for matcher in matchers.parse(each))
    except ValueError as error:
        raise ValueError(f"matchers: {error}") from None


def _end(found: Mapping[str, Any], starts_at: datetime) -> datetime:
    if ("ends_at" in found) == ("duration" in found):
        raise ValueError("ends_at: either ends_at or duration is needed")
    if "duration" not in found:
        return _instant(found, "ends_at") or starts_at
    try:
        return starts_at + duration(str(found["duration"]))
    except ValueError as error:
        raise ValueError(f"duration: {error}") from None


def _instant(found: Mapping[str, Any], key: str) -> datetime | None:
    if key not in found:
        return None
    try:
        return instants.parse(found[key])
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def shown(silence: Silence) -> dict[str, Any]:
    """A silence as JSON."""
    return {
        "id": silence.id,
        "matchers": [str(matcher) for matcher in silence.matchers],
        "starts_at": instants.show(silence.starts_at),
        "ends_at": instants.show(silence.ends_at),
        "created_by": silence.created_by,
        "comment": silence.comment,
        "updated_at": instants.show(silence.updated_at),
    }
