"""Labels of returned series."""

import pytest

from core.cloudwatch import labels
from core.cloudwatch.refusal import Refusal
from core.cloudwatch.stat import Stat

AT = 1_795_168_800.0
STAT = Stat("App", "Errors", (("Host", "web-1"),), "Sum", 60, None)
SUBJECT = labels.Subject(
    points=((AT, 2.0), (AT + 60, 5.5), (AT + 120, 1.0)),
    label="web-1",
    stat=STAT,
    period=60,
    account="123456789012",
    region="us-east-1",
)


def shown(label, subject=SUBJECT, zone=None):
    labels.check(label)
    return labels.render(label, subject, now=AT + 300, shown=labels.zone(zone))


@pytest.mark.parametrize(
    "label,text",
    [
        ("plain", "plain"),
        ("[max: ${MAX} Errors for ${LABEL}]", "[max: 5.5 Errors for web-1]"),
        ("${MIN} ${AVG} ${SUM} ${FIRST} ${LAST}", "1 2.8333333333333335 8.5 2 1"),
        ("${DATAPOINT_COUNT}", "3"),
        ("${FIRST_TIME}|${MAX_TIME}", "2026-11-20 10:00:00|2026-11-20 10:01:00"),
        ("${LAST_TIME_RELATIVE} ${MIN_TIME_RELATIVE}", "180s 180s"),
        ("${FIRST_LAST_RANGE} ${FIRST_LAST_TIME_RANGE}", "-1 120s"),
        ("${MIN_MAX_RANGE} ${MIN_MAX_TIME_RANGE}", "4.5 60s"),
        ("${PROP('MetricName')}/${PROP('Namespace')}/${PROP('Stat')}", "Errors/App/Sum"),
        ("${PROP('Dim.Host')} ${PROP('Dim.Other')} ${PROP('Period')}", "web-1 -- 60"),
        ("${PROP('AccountId')} ${PROP('Region')}", "123456789012 us-east-1"),
    ],
)
def test_dynamic_values_are_those_of_the_series(label, text):
    assert shown(label) == text


def test_times_are_shown_in_the_zone_asked_for():
    assert shown("${FIRST_TIME}", zone="+0130") == "2026-11-20 11:30:00"
    assert shown("${FIRST_TIME}", zone="-0500") == "2026-11-20 05:00:00"


def test_a_series_without_datapoints_has_no_values_to_show():
    empty = labels.Subject((), "web-1", STAT, 60, "1", "r")

    assert shown("${MAX} ${FIRST_TIME} ${DATAPOINT_COUNT} ${LABEL}", empty) == "-- -- 0 web-1"


@pytest.mark.parametrize(
    "label,message",
    [
        ("${MEDIAN}", r"Unknown dynamic value \$\{MEDIAN\}"),
        ("${MAX}" * 7, "at most 6 dynamic values, not 7"),
        ("${LABEL} ${LABEL}", "only once"),
    ],
)
def test_a_label_that_cannot_be_written_is_refused(label, message):
    with pytest.raises(Refusal, match=message):
        labels.check(label)


@pytest.mark.parametrize("zone", ["0130", "+25:00", "+2560", "UTC"])
def test_a_zone_that_is_no_offset_is_refused(zone):
    with pytest.raises(Refusal, match=r"LabelOptions\.Timezone is invalid"):
        labels.zone(zone)


def test_series_found_are_called_by_what_they_do_not_share():
    def stat(name, namespace="App", **dimensions):
        return Stat(namespace, name, tuple(sorted(dimensions.items())), "Sum", 60, None)

    assert labels.distinguishing([stat("Errors", Host="a"), stat("Errors", Host="b")]) == ["a", "b"]
    assert labels.distinguishing([stat("Errors", Host="a"), stat("Faults", Host="a")]) == ["Errors", "Faults"]
    assert labels.distinguishing([stat("Errors", Host="a")]) == ["Errors"]
    assert labels.distinguishing([stat("E", Host="a"), stat("E", Host="a", Zone="z"), stat("E")]) == ["a", "a z", "E"]
