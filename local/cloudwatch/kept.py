"""What of CloudWatch outlives the process, as values that are written to a file and read from one.

Plans and rules are read anew from the parameters; models of anomaly detectors are trained anew.
"""

import base64
import sys
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.cloudwatch.composite.suppression import Suppression
from core.cloudwatch.contributors import Contributor
from core.cloudwatch.datums import Dimensions
from core.cloudwatch.state import State
from core.cloudwatch.statistics import Bucket, StatisticSet
from local.cloudwatch.delivery import Told
from local.cloudwatch.history import Item
from local.cloudwatch.records import Change, Status
from local.cloudwatch.store import Column

Tags = Mapping[str, str]
Params = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeptBucket:
    """A slot with more than one sample: its values with their counts, and what was folded before it was sent."""

    slot: int
    values: tuple[tuple[float, float], ...]
    sets: tuple[StatisticSet, ...]


@dataclass(frozen=True, slots=True)
class KeptColumn:
    """A column of a series; `singles` are little-endian doubles in base 64."""

    unit: str
    resolution: int
    base: int
    singles: str
    buckets: tuple[KeptBucket, ...]


@dataclass(frozen=True, slots=True)
class KeptSeries:
    """A metric."""

    namespace: str
    name: str
    dimensions: Dimensions
    columns: tuple[KeptColumn, ...]
    quota: float | None = None


@dataclass(frozen=True, slots=True)
class KeptMetricAlarm:
    """A metric alarm, with its contributors and those of them whose actions wait for the end of a mute window."""

    name: str
    params: Params
    configured: datetime
    status: Status
    actions_enabled: bool
    warm_at: datetime | None
    announced: State
    muted: Change | None
    evaluation_state: str
    tags: Tags
    contributors: tuple[Contributor, ...]
    held: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class KeptCompositeAlarm:
    """A composite alarm."""

    name: str
    params: Params
    configured: datetime
    status: Status
    actions_enabled: bool
    pending: str
    suppression: Suppression | None
    announced: State
    muted: Change | None
    tags: Tags


@dataclass(frozen=True, slots=True)
class KeptDashboard:
    """A dashboard."""

    name: str
    body: str
    modified: datetime
    tags: Tags


@dataclass(frozen=True, slots=True)
class KeptMuteRule:
    """An alarm mute rule."""

    params: Params
    updated: datetime
    tags: Tags


@dataclass(frozen=True, slots=True)
class KeptDetector:
    """An anomaly detector, as PutAnomalyDetector would take it."""

    params: Params
    created: datetime


Record = KeptSeries | KeptMetricAlarm | KeptCompositeAlarm | KeptDashboard | KeptMuteRule | KeptDetector | Item

KINDS: dict[str, type[Record]] = {
    "series": KeptSeries,
    "metric alarm": KeptMetricAlarm,
    "composite alarm": KeptCompositeAlarm,
    "dashboard": KeptDashboard,
    "mute rule": KeptMuteRule,
    "detector": KeptDetector,
    "history": Item,
}
"""What a line of the file calls each."""


def column(unit: str, found: Column) -> KeptColumn:
    """A column of the store as it is kept."""
    buckets = tuple(
        KeptBucket(slot, tuple(bucket.values()), tuple(bucket.sets())) for slot, bucket in sorted(found.buckets.items())
    )
    return KeptColumn(unit, found.resolution, found.base, _packed(found.singles), buckets)


def restored(kept: KeptColumn) -> Column:
    """The column that was kept. Raises ValueError for text that is not base 64 of whole doubles."""
    found = Column(kept.resolution)
    found.base, found.singles = kept.base, _unpacked(kept.singles)
    for one in kept.buckets:
        bucket = found.buckets[one.slot] = Bucket()
        for value, count in one.values:
            bucket.add(value, count)
        for folded in one.sets:
            bucket.add_set(folded)
    return found


def _packed(values: "array[float]") -> str:
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return base64.b64encode(values).decode()


def _unpacked(text: str) -> "array[float]":
    values = array("d", base64.b64decode(text, validate=True))
    if sys.byteorder == "big":
        values.byteswap()
    return values
