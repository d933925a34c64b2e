"""What a metric alarm sees when it is evaluated: the datapoints of its evaluation range, and its band."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from core.cloudwatch import evaluation, windows
from core.cloudwatch.alarms import MetricPlan
from core.cloudwatch.expression import Grid
from core.cloudwatch.queries import Query
from core.cloudwatch.reasons import Datapoint
from local.cloudwatch import readings
from local.cloudwatch.detectors import Detectors
from local.cloudwatch.readings import Values
from local.cloudwatch.store import Store


@dataclass(frozen=True, slots=True)
class Seen:
    """Values oldest first, and the boundaries of their periods (epoch seconds), one more than there are values.

    `watched` is what the alarm's condition is held against: the values, or how far they are out of the band, whose
    thresholds are `bands`.
    """

    boundaries: Sequence[int]
    values: Values
    watched: Values
    bands: Sequence[tuple[float, float] | None] = ()


class Sight:
    """Reads what alarms evaluate. `delay` is how long datums take to arrive."""

    def __init__(self, store: Store, detectors: Detectors) -> None:
        self._store = store
        self._detectors = detectors
        self.delay = timedelta()

    def look(self, plan: MetricPlan, now: datetime) -> Seen:
        """What an alarm sees at an instant."""
        boundaries = self.boundaries(plan, now)
        values = self._values(plan, boundaries)
        if plan.band is None:
            return Seen(boundaries, values, values)
        bands = self._bands(plan, boundaries)
        excess = [
            None if value is None or band is None else plan.band.excess(value, *band)
            for value, band in zip(values, bands, strict=True)
        ]
        return Seen(boundaries, values, excess, bands)

    def points(self, plan: MetricPlan, seen: Seen) -> list[Datapoint]:
        """The datapoints for the alarm's reason; one that the band says nothing of counts as missing."""
        stat = plan.returned.stat
        series = self._store.find(stat.namespace, stat.name, stat.dimensions) if stat else None
        points = []
        for number, (start, end) in enumerate(pairwise(seen.boundaries)):
            value = seen.values[number] if seen.watched[number] is not None else None
            bucket = series.bucket(start, end, stat.unit) if series and stat and value is not None else None
            samples = bucket.count if bucket else None
            band = seen.bands[number] if seen.bands else None
            points.append(Datapoint(datetime.fromtimestamp(start, UTC), value, samples, band))
        return points

    def boundaries(self, plan: MetricPlan, now: datetime) -> Sequence[int]:
        """The boundaries of the periods of an alarm's evaluation range (epoch seconds)."""
        period = int(plan.period.total_seconds())
        count = evaluation.evaluation_range(plan.condition.periods)
        if plan.window is not None:
            return windows.edges(plan.window, now, self.delay, period, count)
        end = windows.sliding_end(now, self.delay, period, plan.condition.periods)
        return range(end - period * count, end + 1, period)

    def _values(self, plan: MetricPlan, boundaries: Sequence[int]) -> Values:
        if isinstance(boundaries, range) or windows.is_even(boundaries):
            return self._read(plan.queries, plan.returned, boundaries[0], len(boundaries) - 1)
        values: list[float | None] = []
        for start, end in pairwise(boundaries):
            # A day on which the clocks change: each period is read, and its expression computed, on its own.
            queries = [_lasting(query, end - start) for query in plan.queries]
            returned = next(query for query in queries if query.id == plan.returned.id)
            values.extend(self._read(queries, returned, start, 1))
        return values

    def _read(self, queries: Sequence[Query], returned: Query, start: int, count: int) -> Values:
        return readings.evaluate(self._store, queries, returned, start, count, bands=self._detectors.band)

    def _bands(self, plan: MetricPlan, boundaries: Sequence[int]) -> list[tuple[float, float] | None]:
        self._detectors.ensure(plan.returned, plan.queries)
        count, period = len(boundaries) - 1, int(plan.period.total_seconds())
        found = self._detectors.band(plan.returned, plan.queries, Grid(boundaries[0], period, count))
        if plan.band is None or found is None:
            return [None] * count
        limits = zip(*found.at(plan.band.deviations), strict=True)
        return [None if lower is None or upper is None else (lower, upper) for lower, upper in limits]


def _lasting(query: Query, seconds: int) -> Query:
    return query if query.stat is None else replace(query, stat=replace(query.stat, period=seconds))
