import math
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from agent.aggregate import LARGEST_VALUE, MOST_SAMPLES, Aggregate, window_start
from agent.sample import Sample
from core.catalogue import host
from tests.agent.fakes import NOON

MINUTE = timedelta(minutes=1)
ME = (("host", "h"),)


def test_what_an_application_counted_many_times_as_a_whole_number_is_summed_exactly():
    aggregate = Aggregate(ME)

    aggregate.add(Sample(host.NET_BYTES_RECV, 1234567, times=3))
    window = aggregate.close(NOON, MINUTE)

    (datum,) = window.datums
    assert (datum.total, datum.values, datum.counts) == (3 * 1234567, (1234567.0,), (3,))


def test_what_is_no_number_for_cloudwatch_is_dropped_and_counted():
    aggregate = Aggregate(ME)
    for value in (math.nan, math.inf, -math.inf, 2 * LARGEST_VALUE, 1.0):
        aggregate.add(Sample(host.SYSTEM_LOAD1, value))

    window = aggregate.close(NOON, MINUTE)

    assert window.dropped == 4
    assert (1.0, 1) == (window.datums[0].total, window.datums[0].count)


def test_each_window_begins_empty():
    aggregate = Aggregate(ME)
    aggregate.add(Sample(host.SYSTEM_LOAD1, math.nan))
    aggregate.close(NOON, MINUTE)

    window = aggregate.close(NOON, MINUTE)

    assert ((), 0) == (window.datums, window.dropped)


def aggregated(metric, values, **arguments):
    aggregate = Aggregate(ME, **arguments)
    for value in values:
        aggregate.add(Sample(metric, value, (("path", "/"),)))
    (datum,) = aggregate.close(NOON, MINUTE).datums
    return datum


@given(st.lists(st.floats(0, 1e12), min_size=1))
def test_a_gauge_has_its_values_to_three_significant_digits(values):
    datum = aggregated(host.DISK_USED, values)

    rounded = [float(f"{value:.3g}") for value in values] if len(set(values)) > 1 else values
    assert sorted(rounded) == sorted(
        value for value, count in zip(datum.values, datum.counts, strict=True) for _ in range(count)
    )
    assert (min(rounded), max(rounded), len(values)) == (datum.minimum, datum.maximum, datum.count)
    assert math.isclose(sum(rounded), datum.total, rel_tol=1e-9, abs_tol=1e-3)
    assert math.isclose(sum(values), datum.total, rel_tol=5e-3, abs_tol=1e-3)
    assert (*ME, ("path", "/")) == datum.dimensions


@given(st.lists(st.integers(0, 10**12).map(float), min_size=1))
def test_what_is_counted_is_exact(values):
    assert sum(values) == aggregated(host.NET_BYTES_SENT, values).total


def test_a_gauge_that_stands_still_is_exact():
    assert (25276502016.0,) == aggregated(host.MEM_TOTAL, [25276502016.0] * 12).values


@given(st.lists(st.floats(-1e6, 1e6), min_size=1).filter(lambda values: min(values) < 0))
def test_signed_values_are_a_statistic_set(values):
    datum = aggregated(host.SYSTEM_LOAD1, values)

    assert ((), ()) == (datum.values, datum.counts)
    assert len(values) == datum.count


def test_a_flood_of_samples_is_counted_by_value():
    aggregate = Aggregate(ME)
    for number in range(3 * MOST_SAMPLES):
        aggregate.add(Sample(host.SYSTEM_LOAD1, number / 7))
    (series,) = aggregate._series.values()

    assert len(series.samples) < MOST_SAMPLES
    assert 3 * MOST_SAMPLES == aggregate.close(NOON, MINUTE).datums[0].count


@given(st.integers(0, 10**7), st.sampled_from([60, 120, 300]))
def test_windows_are_whole_multiples_of_their_length(seconds, length):
    now = NOON + timedelta(seconds=seconds)

    start = window_start(now, timedelta(seconds=length))

    assert start <= now < start + timedelta(seconds=length)
    assert start.timestamp() % length == 0
