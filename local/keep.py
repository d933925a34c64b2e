"""Keeps CloudWatch in a file from one run to the next: metrics, alarms with their history, dashboards, mute rules,
anomaly detectors, and the instant of the clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from core.cloudwatch.refusal import Refusal
from local import storefile
from local.cloudwatch import keeping
from local.cloudwatch.kept import KINDS, Record
from local.storefile import DamagedError
from local.world import World

_NAMES = {of: name for name, of in KINDS.items()}
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds: the instant at which it was saved, and what each region's CloudWatch held by then."""

    now: datetime
    regions: dict[str, tuple[Record, ...]]


def save(world: World, path: Path) -> int:
    """Write what the world's CloudWatch holds in every region; how many bytes that is. Raises OSError.

    What is due now runs first. Must not be called with `world.lock` held, nor by due work.
    """
    world.clock.settle()
    with world.lock:
        lines = list(_lines(world))
    return storefile.write(path, lines)


def load(path: Path) -> Contents | None:
    """What a file holds, or None where there is none. Raises DamagedError, OSError."""
    if not path.exists():
        return None
    first, *rest = storefile.read(path) or [b""]
    try:
        now = msgspec.json.decode(first, type=datetime)
        regions: dict[str, list[Record]] = {}
        for line in rest:
            region, record = _record(line)
            regions.setdefault(region, []).append(record)
    except (msgspec.DecodeError, ValueError, KeyError) as error:
        raise DamagedError(f"a line of it cannot be read: {error}") from None
    return Contents(now.astimezone(UTC), {region: tuple(found) for region, found in regions.items()})


def restore(world: World, contents: Contents) -> None:
    """Give a world's CloudWatch what was kept. Raises DamagedError, nothing done, for what is refused by now."""
    for region, records in contents.regions.items():
        try:
            keeping.check(records, account=world.account)
        except (Refusal, ValueError) as error:
            raise DamagedError(f"what it holds of {region} is refused: {error}") from None
    with world.lock:
        for region, records in contents.regions.items():
            keeping.put_back(world.at(region).cloudwatch, records)


def _lines(world: World) -> Iterator[bytes]:
    yield _encode(world.clock.now())
    for name, region in world.regions.items():
        for record in keeping.taken(region.cloudwatch, dashboards=name == world.region):
            yield _encode((name, _NAMES[type(record)], record))


def _record(line: bytes) -> tuple[str, Record]:
    region, kind, value = msgspec.json.decode(line, type=tuple[str, str, Any])
    return region, msgspec.convert(value, KINDS[kind])
