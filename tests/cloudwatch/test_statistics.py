import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.cloudwatch.refusal import Refusal
from core.cloudwatch.statistics import Bucket, StatisticSet, enough_samples, percentile_of, read_single, reader


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


TEN = tuple(range(1, 11))


@pytest.mark.parametrize(
    "statistic,expected",
    [
        ("tm90", 5.0),
        ("TM(:90%)", 5.0),
        ("TM(10%:90%)", 5.5),
        ("TM(80%:)", 9.5),
        ("TM(2:8)", 5.5),
        ("TM(:3)", 2.0),
        ("TM(100:200)", None),
        ("IQM", 5.5),
        ("TM(25%:75%)", 5.5),
        ("wm90", 5.4),
        ("WM(10%:90%)", 5.4),
        ("WM(3:8)", 5.5),
        ("tc90", 9.0),
        ("TC(80%:)", 2.0),
        ("TC(2:8)", 6.0),
        ("TC(100:200)", 0.0),
        ("tc85", 8.5),
        ("ts90", 45.0),
        ("TS(80%:)", 19.0),
        ("TS(2:8)", 33.0),
        ("PR(:3)", 30.0),
        ("PR(3:8)", 50.0),
        ("PR(9.5:)", 10.0),
    ],
)
def test_statistics_of_a_range_follow_their_definitions(statistic, expected):
    assert reader(statistic)(bucket(*TEN)) == (expected if expected is None else pytest.approx(expected))


def test_statistics_of_a_range_weigh_values_by_their_counts():
    whole = Bucket()
    whole.add(10.0, 98)
    whole.add(1000.0, 2)

    assert reader("tm98")(whole) == 10.0
    assert reader("tm99")(whole) == pytest.approx((980 + 1000) / 99)
    assert reader("PR(:10)")(whole) == 98.0
    assert reader("wm98")(whole) == 10.0


@pytest.mark.parametrize("statistic", ["tm90", "WM(1:2)", "IQM", "PR(:5)", "tc50", "TS(10%:)"])
def test_a_folded_set_and_negative_values_answer_no_statistic_of_samples(statistic):
    assert reader(statistic)(bucket(sets=(StatisticSet(5, 30, 1, 9),))) is None
    assert reader(statistic)(bucket(-1, 5)) is None


@pytest.mark.parametrize("statistic", ["tm90", "WM(1:9)", "IQM", "PR(:5)", "tc50", "TS(10%:)", "p99.5", "TM(1:2)"])
def test_a_single_sample_reads_as_a_bucket_of_it(statistic):
    assert read_single(statistic, 5.0) == reader(statistic)(bucket(5.0))
    assert read_single(statistic, -5.0) is None


def test_values_sent_with_a_count_of_zero_answer_without_a_fault():
    whole = Bucket()
    whole.add(5.0, 0)

    assert [reader(statistic)(whole) for statistic in ("SampleCount", "Average", "p50", "tm90")] == [0, 0, None, None]


REFUSED = [
    "p101",
    "p-1",
    "average",
    "p",
    "Median",
    "tm101",
    "TM(90%:10%)",
    "TM(10%:100)",
    "TM(:)",
    "PR(10%:20%)",
    "pr90",
]
REFUSED += ["tm(1:2)", "TM90", "tm", "iqm", "TM(1e2:2e2)", "TM(-1:2)", "tm1.12345678901", "p99.12345678901", "TM(%:9%)"]


@pytest.mark.parametrize("statistic", REFUSED)
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


bounds = st.tuples(st.integers(0, 100), st.integers(0, 100)).filter(lambda pair: pair[0] < pair[1])
weighted = st.lists(st.tuples(st.floats(0, 1e6), st.integers(1, 50)), min_size=1, max_size=20)


@given(weighted, bounds)
def test_a_trimmed_sum_is_the_mean_times_the_count_and_ranges_join_to_the_whole(added, pair):
    whole = Bucket()
    for value, count in added:
        whole.add(value, count)
    low, high = pair

    def read(statistic):
        return reader(statistic)(whole)

    assert read(f"TS({low}%:{high}%)") == pytest.approx(read(f"TM({low}%:{high}%)") * read(f"TC({low}%:{high}%)"))
    assert read(f"PR(:{low})") + read(f"PR({low}:)") == pytest.approx(100)
    assert read("TC(0%:100%)") == pytest.approx(whole.count)
    assert whole.minimum * (1 - 1e-12) <= read(f"WM({low}%:{high}%)") <= whole.maximum * (1 + 1e-12)
