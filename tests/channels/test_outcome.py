from datetime import UTC, datetime, timedelta

import pytest

from core.channels.outcome import MAX_RETRY_AFTER, Verdict, judge, wait

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "status,verdict",
    [
        (200, Verdict.SENT),
        (202, Verdict.SENT),
        (204, Verdict.SENT),
        (301, Verdict.REFUSED),
        (308, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (401, Verdict.REFUSED),
        (404, Verdict.REFUSED),
        (408, Verdict.RETRY),
        (410, Verdict.REFUSED),
        (413, Verdict.REFUSED),
        (425, Verdict.RETRY),
        (429, Verdict.RETRY),
        (500, Verdict.RETRY),
        (503, Verdict.RETRY),
        (599, Verdict.RETRY),
    ],
)
def test_a_status_says_whether_to_try_again(status: int, verdict: Verdict) -> None:
    assert judge(status, "", service="Teams", now=NOW).verdict is verdict


def test_the_wait_that_a_service_asks_for_is_kept() -> None:
    outcome = judge(429, "30", service="Slack", now=NOW)

    assert outcome.retry_after == timedelta(seconds=30)
    assert outcome.reason == "Slack answered 429"


@pytest.mark.parametrize(
    "text,expected",
    [
        ("0", timedelta(0)),
        ("Sat, 21 Nov 2026 12:02:00 GMT", timedelta(minutes=2)),
        ("Sat, 21 Nov 2026 11:00:00 GMT", timedelta(0)),
        ("86400", MAX_RETRY_AFTER),
        ("9" * 400, MAX_RETRY_AFTER),
        ("Sat, 21 Nov 2099 12:02:00 GMT", MAX_RETRY_AFTER),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_an_hour_at_most(text: str, expected: timedelta | None) -> None:
    assert wait(text, now=NOW) == expected
