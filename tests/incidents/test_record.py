from dataclasses import replace

import pytest

from core.incidents import record
from core.incidents.evidence import Cause, Change, Confidence, Evidence, Impact, Investigation
from core.incidents.matchers import parse
from core.incidents.notification import LogEntry, Reason
from core.incidents.silences import create
from tests.incidents.streams import ENDS, FIRES, Stage, at, policy

FOUND = Investigation(
    at(3),
    (Evidence("5xx 7.4 %", at(1)), Evidence("no deployment")),
    Cause("cfg-2", Confidence.HIGH),
    Impact(4, 100, 300),
)


def stormy() -> Stage:
    stage = Stage(policy(flapping=True, storm_limit=2, route={"group_by": ("alarm",)}))
    for number in range(5):
        stage.tell(f"x{number}", FIRES, number / 10, reason="§ too much", muted_until=None, attributes=(("a", "b"),))
    stage.tell("x0", ENDS, 3, previous=FIRES)
    return stage.until(5)


def test_what_is_stored_reads_back_as_it_was():
    stage = stormy()
    silence = create(parse("a=~b"), starts_at=at(0), ends_at=at(9), created_by="me", comment="§", now=at(0))

    for alert in stage.engine.alerts:
        assert record.decode_alert(record.encode_alert(alert)) == alert
    for group in stage.engine.groups:
        assert record.decode_group(record.encode_group(group)) == group
    for told in stage.said:
        told = replace(told, investigation=FOUND, changes=(Change(at(0), "cfg-2", "cfg-1"),), peaks=(("f", 0.1),))
        assert record.decode_notification(record.encode_notification(told)) == told
    assert record.decode_silence(record.encode_silence(silence)) == silence
    assert record.decode_investigation(record.encode_investigation(FOUND)) == FOUND


def test_a_receivers_window_reads_back_as_it_was():
    stage = stormy()
    storm = stage.engine.storms["topics"]

    assert storm.held == 3
    assert record.decode_storm(record.encode_storm(storm)) == storm
    (digest,) = stage.until(120).said[2:3]
    assert digest.reason is Reason.DIGEST
    assert record.decode_notification(record.encode_notification(digest)) == digest


def test_another_format_is_refused_by_its_number():
    (alert, *_) = stormy().engine.alerts
    text = record.encode_alert(alert).replace(f'"format":{record.FORMAT}', '"format":1')

    with pytest.raises(ValueError, match="the stored alert has format 1; this code reads 2"):
        record.decode_alert(text)


def test_a_group_of_the_largest_size_fits_an_item_of_dynamodb():
    stage = stormy()
    names = [frozenset(f"{number:016x}" for number in range(start, start + 10_000)) for start in (0, 10_000)]
    (group, *_) = stage.engine.groups
    group = replace(
        group,
        log=LogEntry(frozenset(), names[0] | names[1], at(1), 2),
        previous=LogEntry(names[0], frozenset(), at(0), 1),
    )

    text = record.encode_group(group)

    assert len(text.encode()) < 400_000  # bytes: DynamoDB's limit of an item
    assert record.decode_group(text) == group
