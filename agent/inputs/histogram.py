"""Buckets as values and counts, with which CloudWatch can give percentiles."""

from collections.abc import Iterator, Sequence


def spread(bounds: Sequence[float], counts: Sequence[int], total: float | None) -> Iterator[tuple[float, int]]:
    """One value for each bucket that has any, in the bucket, so that the values' sum is `total`.

    `bounds` are the upper ones, rising, without the infinite; `counts` has one more, for what is above the last. All
    values stand at the same share of their bucket's width: the one that makes up the sum, or the middle where there
    is no sum. The first bucket begins at 0, or at its bound where that is not above 0. A percentile is then right to
    the width of a bucket, and the average exact.
    """
    lowers = (min(0.0, bounds[0]), *bounds) if bounds else (0.0,)
    widths = [upper - lower for lower, upper in zip(lowers, bounds, strict=False)]
    share = _share(lowers, widths, counts, total)
    placed = [lower + share * width for lower, width in zip(lowers, (*widths, 0.0), strict=True)]
    if total is not None and counts[-1]:
        below = sum(value * count for value, count in zip(placed[:-1], counts, strict=False))
        placed[-1] = max(placed[-1], (total - below) / counts[-1])
    return ((value, count) for value, count in zip(placed, counts, strict=True) if count)


def _share(lowers: Sequence[float], widths: Sequence[float], counts: Sequence[int], total: float | None) -> float:
    wide = sum(width * count for width, count in zip(widths, counts, strict=False))
    if total is None or wide <= 0:
        return 0.5
    least = sum(lower * count for lower, count in zip(lowers, counts, strict=True))
    share = (total - least) / wide
    if counts[-1] and share > 0.5:
        return 0.5  # what is above the last bound makes up the rest
    return min(1.0, max(0.0, share))
