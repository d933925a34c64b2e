from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.incidents import instants

AT = datetime(2026, 11, 21, 14, 2, 10, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-21T14:02:10.250Z",
        "2026-11-21T14:02:10.250+0000",
        "2026-11-21T14:02:10.250+00:00",
        "2026-11-21T15:02:10.250+01:00",
        "2026-11-21T14:02:10.250",
        "2026-11-21T14: 02: 10.250+0000",
        "2026-11-21T14:02:10.250000999Z",
        " 2026-11-21T14:02:10.250Z ",
        1795269730.25,
        1795269730250,
        1795269730250.0,
        pytest.param("1795269730250", id="milliseconds as text"),
        pytest.param("1795269730.25", id="seconds as text"),
        pytest.param(AT, id="datetime"),
        pytest.param(AT.replace(tzinfo=None), id="naive datetime"),
        pytest.param(AT.astimezone(timezone(timedelta(hours=9))), id="datetime elsewhere"),
    ],
)
def test_every_form_of_an_instant_that_aws_writes_is_read(value):
    assert instants.parse(value) == AT


@pytest.mark.parametrize("zone", ["GMT", "UTC", "+0000"])
def test_health_writes_instants_as_mail_does(zone):
    assert instants.parse(f"Fri, 27 Jan 2023 06:02:51 {zone}") == datetime(2023, 1, 27, 6, 2, 51, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        "",
        "yesterday",
        "not a number",
        "Fri, 31 Feb 2023 06:02:51 GMT",
        "Fri, 27 Foo 2023 06:02:51 GMT",
        "9999-12-31T23:59:59-23:59",
        "١٢٣",
        float("nan"),
        float("inf"),
        1e30,
        -1e18,
        [],
    ],
)
def test_what_is_no_instant_is_refused(value):
    with pytest.raises(ValueError, match=r"is not|outside"):
        instants.parse(value)


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_shown_is_read_again_to_the_millisecond(instant):
    shown = instants.show(instant)

    assert instants.parse(shown) == instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@given(st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
def test_what_is_shown_sorts_in_the_order_of_time(one, other):
    earlier, later = sorted((one, other))

    assert instants.show(earlier) <= instants.show(later)
