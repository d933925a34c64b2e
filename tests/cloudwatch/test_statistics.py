import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch.refusal import Refusal
from core.cloudwatch.statistics import Bucket, StatisticSet, enough_samples, percentile_of, reader


def bucket(*values: float, sets: tuple[StatisticSet, ...] = ()) -> Bucket:
    whole = Bucket()
    for value in values:
        whole.add(value)
    for folded in sets:
        whole.add_set(folded)
    return whole


@pytest.mark.parametrize(
    "statistic,expected",
    [("SampleCount", 4.0), ("Average", 2.5), ("Sum", 10.0), ("Minimum", 1.0), ("Maximum", 4.0), ("p50", 2.0)],
)
def test_statistics_of_plain_values(statistic, expected):
    assert reader(statistic)(bucket(1, 2, 3, 4)) == expected


@pytest.mark.parametrize(
    "percentile,expected", [("p0", 1), ("p1", 1), ("p50", 50), ("p99", 99), ("p99.9", 100), ("p100", 100)]
)
def test_percentiles_are_the_nearest_rank(percentile, expected):
    assert reader(percentile)(bucket(*range(1, 101))) == expected


def test_percentiles_weigh_values_by_their_counts():
    whole = Bucket()
    whole.add(1.0, 98)
    whole.add(500.0, 2)

    assert reader("p98")(whole) == 1.0
    assert reader("p99")(whole) == 500.0


def test_a_statistic_set_merges_with_values():
    whole = bucket(10, sets=(StatisticSet(count=3, total=6, minimum=1, maximum=3),))

    assert (whole.count, whole.total, whole.minimum, whole.maximum, whole.average) == (4, 16, 1, 10, 4)


@pytest.mark.parametrize(
    "folded,answers",
    [
        (StatisticSet(1, 7, 7, 7), True),
        (StatisticSet(5, 35, 7, 7), True),
        (StatisticSet(5, 30, 1, 9), False),
    ],
)
def test_a_statistic_set_answers_percentiles_only_if_its_samples_are_known(folded, answers):
    assert (reader("p90")(bucket(sets=(folded,))) is not None) is answers


def test_negative_values_have_no_percentiles():
    assert reader("p90")(bucket(-1, 5)) is None


@pytest.mark.parametrize("statistic", ["tm99", "TM(10%:90%)", "IQM", "PR(1:2)", "ts90", "wm50"])
def test_statistics_to_come_are_refused_by_name(statistic):
    with pytest.raises(Refusal, match=r"not supported yet; supported: SampleCount") as refused:
        reader(statistic)

    assert statistic in refused.value.message


@pytest.mark.parametrize("statistic", ["p101", "p-1", "average", "p", "Median"])
def test_unknown_statistics_are_refused(statistic):
    with pytest.raises(Refusal, match="is invalid"):
        reader(statistic)


@pytest.mark.parametrize(
    "percentile,samples,enough",
    [
        ("p99", 999, False),
        ("p99", 1000, True),
        ("p90", 99, False),
        ("p90", 100, True),
        ("p10", 100, True),
        ("p10", 99, False),
    ],
)
def test_low_samples_are_those_of_the_documented_rule(percentile, samples, enough):
    percent = percentile_of(percentile)

    assert percent is not None
    assert enough_samples(percent, samples) is enough


numbers = st.floats(-1e9, 1e9, allow_nan=False)
samples = st.lists(st.tuples(numbers, st.integers(1, 50)), min_size=1, max_size=20)


@given(samples, st.randoms(use_true_random=False))
def test_the_order_of_datums_does_not_change_a_bucket(added, random):
    shuffled = list(added)
    random.shuffle(shuffled)
    one, other = Bucket(), Bucket()
    for value, count in added:
        one.add(value, count)
    for value, count in shuffled:
        other.add(value, count)

    for statistic in ("SampleCount", "Sum", "Average", "Minimum", "Maximum", "p50", "p99"):
        assert reader(statistic)(one) == reader(statistic)(other)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50), st.floats(0, 100))
def test_a_percentile_is_a_value_that_occurred_with_its_share_at_or_below(values, percent):
    found = bucket(*values).percentile(percent)

    assert found in values
    assert sum(value <= found for value in values) >= math.floor(percent / 100 * len(values))
