"""The statistics that need the samples themselves: percentiles, trimmed and winsorized ones, percentile rank.

User Guide, CloudWatch statistics definitions. Samples are values in ascending order, each with its count.

A percentile is the nearest rank: the smallest value that at least that share of the samples does not exceed (p0 is the
minimum, p100 the maximum). AWS does not publish its estimator; nearest rank always answers with a value that occurred.
A range of percentages, from 0 to 100, takes that share of the samples, a sample on its edge in part, so that a trimmed
count may be broken as AWS's may. A range of values leaves its lower bound out and its upper bound in.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Samples = Sequence[tuple[float, float]]
"""Values in ascending order, each with how many samples had it; never empty."""

ReadSamples = Callable[[Samples], float | None]

_NUMBER = r"\d{1,20}(?:\.\d{1,10})?"
_SHORT = re.compile(rf"(tm|wm|tc|ts)({_NUMBER})")
_LONG = re.compile(rf"(TM|WM|TC|TS|PR)\(({_NUMBER})?(%)?:({_NUMBER})?(%)?\)")
_PERCENTILE = re.compile(rf"p({_NUMBER})")

FORMS = "tm90, TM(10%:90%), TM(100:200), wm90, WM(...), tc90, TC(...), ts90, TS(...), IQM, PR(100:200)"


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`: percentages of the samples, or values. Infinite where the range is open."""

    low: float
    high: float
    percent: bool


ReadRange = Callable[[Samples, Range], float | None]


def percentile_of(statistic: str) -> float | None:
    """99.9 for `p99.9`; None when it is no percentile between p0 and p100."""
    match = _PERCENTILE.fullmatch(statistic)
    percent = math.inf if match is None else float(match[1])
    return percent if percent <= 100 else None


def reader(statistic: str) -> ReadSamples | None:
    """What reads `statistic` from samples; None when it is none of this module's."""
    percent = percentile_of(statistic)
    if percent is not None:
        return lambda samples: percentile(samples, percent)
    if statistic == "IQM":
        return lambda samples: trimmed_mean(samples, Range(25, 75, percent=True))
    read, within = _ranged(statistic)
    return None if within is None else lambda samples: read(samples, within)


def _ranged(statistic: str) -> tuple[ReadRange, Range | None]:
    """How the statistic is read and of which range; no range where it is none such."""
    short = _SHORT.fullmatch(statistic)
    if short is not None:
        return _READERS[short[1].upper()], _range(None, None, short[2], "%")
    match = _LONG.fullmatch(statistic)
    if match is None:
        return trimmed_mean, None
    within = _range(match[2], match[3], match[4], match[5])
    is_rank_of_share = match[1] == "PR" and within is not None and within.percent
    return _READERS[match[1]], None if is_rank_of_share else within


def _range(low: str | None, low_sign: str | None, high: str | None, high_sign: str | None) -> Range | None:
    """From the bounds as written, each with its percent sign; None where they do not go together."""
    signs = {bool(sign) for bound, sign in ((low, low_sign), (high, high_sign)) if bound is not None}
    if len(signs) != 1 or (low is None and low_sign) or (high is None and high_sign):
        return None
    percent = signs == {True}
    start = float(low) if low is not None else (0.0 if percent else -math.inf)
    end = float(high) if high is not None else (100.0 if percent else math.inf)
    return Range(start, end, percent) if start < end and not (percent and end > 100) else None


def percentile(samples: Samples, percent: float) -> float:
    """The nearest-rank percentile."""
    rank = percent / 100 * math.fsum(count for _, count in samples)
    seen = 0.0
    for value, count in samples:
        seen += count
        # 0.99 * 100 must not miss the 99th sample by a rounding error.
        if seen >= rank * (1 - 1e-12):
            return value
    return samples[-1][0]


def _within(samples: Samples, within: Range) -> list[tuple[float, float]]:
    """The samples in the range; one on the edge of a share with the part of its count that is in."""
    if not within.percent:
        return [(value, count) for value, count in samples if within.low < value <= within.high]
    whole = math.fsum(count for _, count in samples)
    first, last = within.low / 100 * whole, within.high / 100 * whole
    taken = []
    seen = 0.0
    for value, count in samples:
        part = min(seen + count, last) - max(seen, first)
        seen += count
        if part > whole * 1e-12:
            taken.append((value, part))
    return taken


def trimmed_count(samples: Samples, within: Range) -> float:
    """TC: how many samples are in the range."""
    return math.fsum(count for _, count in _within(samples, within))


def trimmed_sum(samples: Samples, within: Range) -> float:
    """TS: their sum."""
    return math.fsum(value * count for value, count in _within(samples, within))


def trimmed_mean(samples: Samples, within: Range) -> float | None:
    """TM: their mean; None where there are none."""
    taken = _within(samples, within)
    count = math.fsum(count for _, count in taken)
    return math.fsum(value * count for value, count in taken) / count if count else None


def winsorized_mean(samples: Samples, within: Range) -> float:
    """WM: the mean of all, those outside the range counted as its edge."""
    low, high = within.low, within.high
    if within.percent:
        low, high = percentile(samples, low), percentile(samples, high)
    whole = math.fsum(count for _, count in samples)
    return math.fsum(min(max(value, low), high) * count for value, count in samples) / whole


def percentile_rank(samples: Samples, within: Range) -> float:
    """PR: how many of a hundred samples are in the range."""
    return 100 * trimmed_count(samples, within) / math.fsum(count for _, count in samples)


_READERS: dict[str, ReadRange] = {
    "TM": trimmed_mean,
    "WM": winsorized_mean,
    "TC": trimmed_count,
    "TS": trimmed_sum,
    "PR": percentile_rank,
}
