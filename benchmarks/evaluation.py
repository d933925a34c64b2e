"""Alarm evaluations a second on one core: `python -m benchmarks.evaluation [--alarms 1000] [--periods 1440]`.

The bulk evaluator (local/cloudwatch/bulk.py), which backtest and the virtual clock use, beside the plain one in core:
2 of 3 datapoints, all comparisons and treatments of missing data, seeded random values of which some are missing.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np

from benchmarks import report
from core import backtest
from core.catalogue.alarm import Comparison, MissingData
from core.cloudwatch.evaluation import Condition, evaluation_range
from core.cloudwatch.state import State
from local.cloudwatch import bulk

ROUNDS = 3
PLAIN_ALARMS = 20
"""Enough to time the plain evaluator, which takes its time."""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alarms", type=int, default=1_000)
    parser.add_argument("--periods", type=int, default=1_440, help="evaluations of each alarm")
    options = parser.parse_args()
    conditions = [
        Condition(list(Comparison)[number % 4], 0.9, 2, 3, list(MissingData)[number // 4 % 4])
        for number in range(options.alarms)
    ]
    length = options.periods + evaluation_range(3) - 1
    rows = []
    for missing in (0.0, 0.01, 0.5):
        values = _values(options.alarms, length, missing)
        fast = _rate(lambda values=values: _bulk(values, conditions), options.alarms * options.periods)
        some = values[:PLAIN_ALARMS]
        slow = _rate(lambda some=some: _plain(some, conditions), len(some) * options.periods)
        rows.append((f"{missing:.0%}", f"{fast:,.0f}", f"{slow:,.0f}", f"{fast / slow:,.0f}"))
    print(f"{options.alarms:,} alarms, {options.periods:,} evaluations of each, one thread; best of {ROUNDS}\n")
    report.table(("missing datapoints", "bulk evaluations/s", "plain evaluations/s", "ratio"), rows)


def _values(alarms: int, length: int, missing: float) -> bulk.Matrix:
    chance = np.random.default_rng(1)
    values = chance.random((alarms, length))
    values[chance.random(values.shape) < missing] = np.nan
    return values


def _bulk(values: bulk.Matrix, conditions: list[Condition]) -> None:
    bulk.evaluate(values, conditions, [State.INSUFFICIENT_DATA] * len(conditions))


def _plain(values: bulk.Matrix, conditions: list[Condition]) -> None:
    for row, condition in zip(values.tolist(), conditions, strict=False):
        backtest.states([value if value == value else None for value in row], condition)


def _rate(work: Callable[[], None], evaluations: int) -> float:
    """Evaluations a second, in the best round."""
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return evaluations / min(taken)


if __name__ == "__main__":
    main()
