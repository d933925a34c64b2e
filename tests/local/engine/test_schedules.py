from datetime import UTC, datetime, timedelta

import pytest

from local.schedules import Rate, ScheduleError, parse


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def firings(expression: str, start: str, count: int) -> list[datetime]:
    schedule, since = parse(expression), at(start)
    found, instant = [], since
    for _ in range(count):
        fired = schedule.after(instant, since=since)
        assert fired is not None
        instant = fired
        found.append(instant)
    return found


@pytest.mark.parametrize(
    "expression, every",
    [
        ("rate(1 minute)", timedelta(minutes=1)),
        ("rate(5 minutes)", timedelta(minutes=5)),
        ("rate(1 hour)", timedelta(hours=1)),
        ("rate(7 days)", timedelta(days=7)),
    ],
)
def test_a_rate_is_read(expression, every):
    assert Rate(every) == parse(expression)


def test_a_rate_counts_from_when_the_rule_was_enabled():
    found = firings("rate(5 minutes)", "2026-11-20 10:02:30", 2)

    assert [at("2026-11-20 10:07:30"), at("2026-11-20 10:12:30")] == found


def test_a_rate_does_not_make_up_for_time_that_has_passed():
    found = Rate(timedelta(minutes=5)).after(at("2026-11-20 11:01"), since=at("2026-11-20 10:00"))

    assert at("2026-11-20 11:05") == found


@pytest.mark.parametrize(
    "expression, start, expected",
    [
        ("cron(0 12 * * ? *)", "2026-11-20 10:00", ["2026-11-20 12:00", "2026-11-21 12:00"]),
        ("cron(15 12 * * ? *)", "2026-11-20 12:15", ["2026-11-21 12:15"]),
        ("cron(0/15 * * * ? *)", "2026-11-20 10:01", ["2026-11-20 10:15", "2026-11-20 10:30"]),
        ("cron(0 8 ? * MON-FRI *)", "2026-11-20 09:00", ["2026-11-23 08:00"]),
        ("cron(0 6 ? * 2 *)", "2026-11-20 09:00", ["2026-11-23 06:00"]),
        ("cron(0 0 L * ? *)", "2026-02-03 00:00", ["2026-02-28 00:00", "2026-03-31 00:00"]),
        ("cron(0 9 ? * 2#1 *)", "2026-11-20 00:00", ["2026-12-07 09:00"]),
        ("cron(0 9 ? * 6L *)", "2026-11-20 00:00", ["2026-11-27 09:00"]),
        ("cron(0 10 1W * ? *)", "2026-07-31 11:00", ["2026-08-03 10:00"]),
        ("cron(0 10 LW * ? *)", "2026-01-01 00:00", ["2026-01-30 10:00"]),
        ("cron(5,35 14 * JAN,JUL ? 2027)", "2026-11-20 10:00", ["2027-01-01 14:05", "2027-01-01 14:35"]),
        ("cron(0 0 29 2 ? *)", "2026-03-01 00:00", ["2028-02-29 00:00"]),
    ],
)
def test_a_cron_expression_fires_in_utc(expression, start, expected):
    assert [at(text) for text in expected] == firings(expression, start, len(expected))


def test_a_cron_expression_of_the_past_never_fires():
    assert parse("cron(0 0 1 1 ? 2020)").after(at("2026-11-20"), since=at("2026-11-20")) is None


@pytest.mark.parametrize(
    "expression, reason",
    [
        ("rate(1 minutes)", "rate\\(1 minute\\)"),
        ("rate(5 minute)", "rate\\(N minutes\\)"),
        ("rate(0 minutes)", "above 1"),
        ("every 5 minutes", "neither rate"),
        ("cron(0 12 * * ?)", "5 fields"),
        ("cron(0 12 * * * *)", "exactly one"),
        ("cron(0 12 ? * ? *)", "exactly one"),
        ("cron(60 12 * * ? *)", "'60' is no minutes"),
        ("cron(0 24 * * ? *)", "'24' is no hours"),
        ("cron(0 12 32 * ? *)", "'32' is no day-of-month"),
        ("cron(0 12 ? * FUN *)", "'FUN' is no day-of-week"),
        ("cron(30-10 12 * * ? *)", "backwards"),
        ("cron(*/0 12 * * ? *)", "step of 0"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_reason(expression, reason):
    with pytest.raises(ScheduleError, match=reason):
        parse(expression)
