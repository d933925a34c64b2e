"""Many alarms evaluated over many instants at once: the states that core.cloudwatch.evaluation gives, by numpy.

A matrix has a row for each alarm and a column for each period, oldest first; NaN is a missing datapoint. The alarms of
one call look back over the same number of periods, so that each has a verdict for each end of an evaluation range.
"""

from array import array
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch.evaluation import Condition, evaluation_range
from core.cloudwatch.state import State

Values = Sequence[float | None]
Matrix = NDArray[np.float64]
Codes = NDArray[np.int8]
"""States as places in STATES."""

STATES = (State.OK, State.ALARM, State.INSUFFICIENT_DATA)
_OK, _ALARM, _UNKNOWN, _KEEP = range(4)
"""_KEEP: whatever the state was."""

_Flags = NDArray[np.bool_]
_Counts = NDArray[np.int32]

_COMPARISONS: dict[Comparison, Callable[[Matrix, Matrix], _Flags]] = {
    Comparison.GREATER: np.greater,
    Comparison.GREATER_OR_EQUAL: np.greater_equal,
    Comparison.LESS: np.less,
    Comparison.LESS_OR_EQUAL: np.less_equal,
}


def matrix(rows: Sequence[Values]) -> Matrix:
    """Rows of equal length; None becomes NaN."""
    return np.array(rows, dtype=np.float64)


def stacked(rows: Sequence["array[float]"]) -> Matrix:
    """Rows of equal length, at least one; NaN is a missing datapoint already."""
    return np.frombuffer(b"".join(rows), dtype=np.float64).reshape(len(rows), -1)


def evaluate(values: Matrix, conditions: Sequence[Condition], current: Sequence[State]) -> Codes:
    """Each alarm's state at the end of each whole evaluation range, one following from the other.

    `current` are the states before the first.
    """
    first = _codes(current)
    found = np.concatenate([first[:, None], _verdicts(values, conditions)], axis=1)
    places = np.arange(found.shape[1], dtype=np.int32)
    told = np.maximum.accumulate(np.where(found == _KEEP, 0, places), axis=1)
    return np.take_along_axis(found, told, axis=1)[:, 1:]


def states(values: Values, condition: Condition) -> tuple[State, ...]:
    """One alarm's states at the end of each period from the first whole evaluation range on, oldest first."""
    if len(values) < evaluation_range(condition.periods):
        return ()
    found = evaluate(matrix([values]), [condition], [State.INSUFFICIENT_DATA])
    return tuple(STATES[code] for code in found[0].tolist())


def unchanged(
    values: Matrix, conditions: Sequence[Condition], current: Sequence[State], *, phases: int = 1
) -> list[int]:
    """For how many instants from the first on each alarm stays in its `current` state.

    An alarm evaluated `phases` times a period has as many rows, one after the other: the periods that end at its first
    instant and a whole number of periods later, those that end at its second instant, and so on.
    """
    held = [condition for condition in conditions for _ in range(phases)]
    verdicts = _verdicts(values, held).reshape(len(conditions), phases, -1)
    in_time = verdicts.transpose(0, 2, 1).reshape(len(conditions), -1)
    changes = (in_time != _KEEP) & (in_time != _codes(current)[:, None])
    first = np.where(changes.any(axis=1), changes.argmax(axis=1), in_time.shape[1])
    return [int(count) for count in first]


def _codes(of: Sequence[State]) -> Codes:
    return np.array([STATES.index(state) for state in of], dtype=np.int8)


def _verdicts(values: Matrix, conditions: Sequence[Condition]) -> Codes:
    """What evaluation.decide says of each evaluation range."""
    periods = conditions[0].periods
    span = evaluation_range(periods)
    needed = np.array([condition.datapoints for condition in conditions], dtype=np.int32)[:, None]
    real = ~np.isnan(values)
    breaching = _breaching(values, conditions)
    reals, breaches = _running(real), _running(breaching)
    # How many of the first n real datapoints breach, so that the newest N are found whatever lies between them.
    among = np.zeros_like(breaches)
    np.put_along_axis(among, reals, breaches, axis=1)
    before = np.maximum(reals[:, span:] - periods, 0)
    newest = breaches[:, span:] - np.take_along_axis(among, before, axis=1)
    verdicts = np.where(newest >= needed, np.int8(_ALARM), np.int8(_OK))
    received = reals[:, span:] - reals[:, :-span]
    short = received < periods
    rows: _Flags = np.any(short, axis=1)
    if rows.any():
        bad = breaches[:, span:] - breaches[:, :-span]
        some = [condition for condition, is_short in zip(conditions, rows.tolist(), strict=True) if is_short]
        filled = _filled(real[rows], received[rows], bad[rows], some)
        verdicts[rows] = np.where(short[rows], filled, verdicts[rows])
    return verdicts


def _filled(real: _Flags, received: _Counts, bad: _Counts, conditions: Sequence[Condition]) -> Codes:
    """What is said of evaluation ranges with fewer than N datapoints, by the treatment of missing data.

    `received`: how many datapoints each has; `bad`: how many of them breach.
    """
    periods = conditions[0].periods
    span = evaluation_range(periods)
    needed = np.array([condition.datapoints for condition in conditions], dtype=np.int32)[:, None]
    treatments = np.array([condition.missing.value for condition in conditions])[:, None]
    breaching, calm, missing = (
        treatments == treatment.value
        for treatment in (MissingData.BREACHING, MissingData.NOT_BREACHING, MissingData.MISSING)
    )
    counted = np.where(breaching, bad + periods - received, bad)
    plain = np.where(counted >= needed, np.int8(_ALARM), np.int8(_OK))
    places = np.arange(real.shape[1], dtype=np.int32)
    next_real = np.where(real, places, np.int32(real.shape[1]))
    oldest = np.minimum.accumulate(next_real[:, ::-1], axis=1)[:, ::-1][:, : received.shape[1]]
    age = span - (oldest - places[: received.shape[1]])
    only_bad = np.where(missing & (age >= needed), np.int8(_ALARM), np.int8(_KEEP))
    nothing = np.where(missing, np.int8(_UNKNOWN), np.int8(_KEEP))
    premature = np.where(received == 0, nothing, np.where(bad == received, only_bad, np.int8(_OK)))
    return np.where(breaching | calm | (bad >= needed), plain, premature)


def _breaching(values: Matrix, conditions: Sequence[Condition]) -> _Flags:
    thresholds = np.array([condition.threshold for condition in conditions])[:, None]
    found = np.zeros(values.shape, dtype=np.bool_)
    for comparison, compare in _COMPARISONS.items():
        rows = [number for number, condition in enumerate(conditions) if condition.comparison is comparison]
        if len(rows) == len(conditions):
            return compare(values, thresholds)
        if rows:
            found[rows] = compare(values[rows], thresholds[rows])
    return found


def _running(flags: _Flags) -> _Counts:
    """How many are set among the first n, n from 0 on."""
    counts = np.zeros((flags.shape[0], flags.shape[1] + 1), dtype=np.int32)
    np.cumsum(flags, axis=1, out=counts[:, 1:])
    return counts
