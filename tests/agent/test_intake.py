import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.aggregate import Aggregate
from agent.inputs import units
from agent.inputs.growth import MOST_COUNTERS, Growth
from agent.inputs.histogram import spread
from agent.inputs.intake import FORGOTTEN_SECONDS, LARGEST_COUNT, Intake, Rejected, dimensions
from agent.sample import Sample
from core.catalogue import inputs
from tests.agent.fakes import NOON, FakeClock, window

REJECTED = inputs.AGENT_INPUT_REJECTED.name


def make(most_series=10, clock=None):
    return Intake("statsd", most_series=most_series, monotonic=(clock or FakeClock()).monotonic)


def told(intake):
    """What a take gives, without the count of what was rejected."""
    return [sample for sample in intake.take() if sample.metric.name != REJECTED]


def observe(intake, values):
    for value in values:
        intake.observe(inputs.distribution("x"), value, ())


def rejected(intake):
    [count] = [sample.value for sample in intake.take() if sample.metric.name == REJECTED]
    return count


def test_a_counter_is_summed_over_the_round_and_begins_anew():
    intake = make()
    intake.add(inputs.counter("orders"), 2, ())
    intake.add(inputs.counter("orders"), 3, ())

    assert [Sample(inputs.counter("orders"), 5, ())] == told(intake)
    assert [] == told(intake)


def test_values_are_counted_to_three_digits():
    intake = make()
    for value in (0.123401, 0.1234, 7):
        intake.observe(inputs.distribution("latency"), value, ())

    assert {(0.123, 2), (7.0, 1)} == {(sample.value, sample.times) for sample in told(intake)}


def test_a_sample_that_was_seen_often_weighs_as_much_in_the_window():
    aggregate = Aggregate((("host", "h"),))
    metric = inputs.distribution("latency", "Milliseconds")
    aggregate.add(Sample(metric, 10.0, (), 9))
    aggregate.add(Sample(metric, 100.0))

    [datum] = aggregate.close(NOON, window().length).datums

    assert ((10.0, 100.0), (9, 1), 10, 190.0) == (datum.values, datum.counts, datum.count, datum.total)


def test_no_more_series_than_allowed_until_one_is_forgotten():
    clock = FakeClock()
    intake = make(most_series=1, clock=clock)
    intake.add(inputs.counter("first"), 1, ())
    with pytest.raises(Rejected, match="more than 1 series"):
        intake.add(inputs.counter("second"), 1, ())

    told(intake)
    clock.advance(FORGOTTEN_SECONDS)
    intake.add(inputs.counter("second"), 1, ())

    assert ["second"] == [sample.metric.name for sample in told(intake)]


@pytest.mark.parametrize(
    "name, said",
    [("cpu_usage_active", "agent's own"), ("gpu_xid_critical_count", ""), ("", "not a metric name"), ("ö", "ASCII")],
)
def test_a_name_that_cannot_be_or_is_the_agents_own_is_refused(name, said):
    if not said:
        make().add(inputs.counter(name), 1, ())  # only like one of the agent's
        return
    with pytest.raises(Rejected, match=said):
        make().add(inputs.counter(name), 1, ())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(Rejected):
        make().observe(inputs.gauge("x"), value, ())
    with pytest.raises(Rejected):
        make().add(inputs.counter("x"), value, ())


@pytest.mark.parametrize("count", [0, -5, LARGEST_COUNT + 1, 10**308])
def test_a_count_that_cannot_be_is_refused(count):
    with pytest.raises(Rejected, match="whole number from 1 to 2"):
        make().observe(inputs.distribution("x"), 1.0, (), count)


def test_the_counts_of_one_value_do_not_grow_without_bound():
    intake = make()
    intake.observe(inputs.distribution("x"), 1.0, (), LARGEST_COUNT)

    with pytest.raises(Rejected, match="more than 2"):
        intake.observe(inputs.distribution("x"), 1.0, ())
    assert [LARGEST_COUNT] == [sample.times for sample in told(intake)]


def test_a_name_told_as_two_kinds_is_refused():
    intake = make()
    intake.add(inputs.counter("x"), 1, ())

    with pytest.raises(Rejected, match="two kinds"):
        intake.observe(inputs.gauge("x"), 1, ())


def test_what_was_rejected_is_counted_once_and_the_zero_is_always_there():
    intake = make()
    intake.reject("whatever", 3)

    assert 3 == rejected(intake)
    assert 0 == rejected(intake)


def test_only_allowed_tags_become_dimensions_in_the_order_of_their_names():
    tags = (("pod", "p-1"), ("model", "m"), ("az", "a"), ("stage", " "))

    assert (("az", "a"), ("model", "m")) == dimensions(tags, {"model", "az", "stage"})
    with pytest.raises(Rejected, match="tag model"):
        dimensions((("model", "größe"),), {"model"})


def test_many_distinct_values_are_kept_in_bounds():
    intake = make()
    values = (10 ** (number / 100) for number in range(30_000))
    with pytest.raises(Rejected, match="distinct values"):
        observe(intake, values)

    assert len(told(intake)) <= 4000


BUCKETS = st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any)


@given(BUCKETS, st.data())
def test_spread_values_stay_in_their_buckets_and_make_up_the_sum(counts, data):
    bounds = [float(2**n) for n in range(len(counts) - 1)]
    lowers = [0.0, *bounds] if bounds else [0.0]
    share = data.draw(st.floats(0, 0.5 if counts[-1] else 1))
    edges = list(zip(lowers, [*bounds, lowers[-1]], strict=True))
    total = sum(count * (low + share * (high - low)) for count, (low, high) in zip(counts, edges, strict=True))
    total += counts[-1] * data.draw(st.floats(0, 100))

    placed = list(spread(bounds, counts, total))

    assert sum(counts) == sum(count for _, count in placed)
    assert math.isclose(total, sum(value * count for value, count in placed), rel_tol=1e-6, abs_tol=1e-6)
    seen = iter(placed)
    for count, (low, high) in zip(counts[:-1], edges, strict=False):
        if count:
            assert low - 1e-9 <= next(seen)[0] <= high + 1e-9


def test_without_a_sum_values_stand_in_the_middle_and_above_the_last_bound_on_it():
    assert [(0.5, 1), (1.5, 2), (2.0, 3)] == list(spread([1.0, 2.0], [1, 2, 3], None))


def test_a_counter_grows_from_its_second_look():
    growth = Growth(monotonic=FakeClock().monotonic)

    assert growth.since("a", (10.0,)) is None
    assert (5.0,) == growth.since("a", (15.0,))
    assert (0.0,) == growth.since("a", (15.0,))


def test_a_counter_that_fell_or_began_anew_counts_from_zero():
    growth = Growth(monotonic=FakeClock().monotonic)
    growth.since("a", (10.0,), start=1)

    assert (3.0,) == growth.since("a", (3.0,), start=1)
    assert (7.0,) == growth.since("a", (7.0,), start=2)
    assert (4.0,) == growth.since("new", (4.0,), born=True)


def test_counters_without_end_are_refused_by_number():
    clock = FakeClock()
    growth = Growth(monotonic=clock.monotonic)
    for number in range(MOST_COUNTERS):
        growth.since(number, (0.0,))

    with pytest.raises(ValueError, match=str(MOST_COUNTERS)):
        growth.since("one more", (0.0,))
    clock.advance(3600)
    assert growth.since("one more", (0.0,)) is None


def test_units_are_cloudwatchs():
    assert ["Seconds", "Bytes", "Count", "None"] == [units.from_ucum(unit) for unit in ("s", "By", "{token}", "1")]
    for name in ("x_seconds_total", "x_seconds_sum", "x_seconds"):
        assert "Seconds" == units.from_name(name, counted=True)
    assert "Count" == units.from_name("x_seconds_count", counted=True)
    assert ("Count", "None") == (units.from_name("x", counted=True), units.from_name("x", counted=False))
