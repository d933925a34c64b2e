"""What cannot be understood is refused by the name of the key that is wrong, whatever is wrong with it."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.incidents import deployments, events
from core.incidents.events import MalformedEvent
from core.incidents.labels import classify, pairs
from core.incidents.signals import Heartbeat, Ignored
from tests.incidents.events import FRAGMENTS, PATHS, Event, acted, bridged, enveloped, names, noticed, sample

MISSING = object()


def changed(event: Event, path: tuple[str, ...], value: object) -> Event:
    parent: Any = event
    for key in path[:-1]:
        parent = parent[key]
    if value is MISSING:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return event


@pytest.mark.parametrize(
    "path, value, told",
    [
        (("detail-type",), "Something Else", "detail-type: 'Something Else' is not one that the router takes"),
        (("detail-type",), 5, "detail-type: a text is needed, found 5"),
        (("detail-type",), MISSING, "detail-type: missing, and no alarmData nor AlarmName"),
        (("account",), 5, "account: a text is needed, found 5"),
        (("account",), MISSING, "account: missing"),
        (("resources",), [], "resources: the alarm's ARN must be its first entry"),
        (("detail",), [], "detail: an object is needed, found a list"),
        (("detail", "alarmName"), "", "detail.alarmName: a text is needed, found an empty text"),
        (("detail", "state"), None, "detail.state: an object is needed, found null"),
        (("detail", "state", "value"), "BROKEN", "detail.state.value: 'BROKEN' is not an alarm state"),
        (("detail", "state", "value"), MISSING, "detail.state.value: missing"),
        (("detail", "state", "timestamp"), "soon", "detail.state.timestamp: 'soon' is not an instant"),
        (("detail", "state", "timestamp"), None, "detail.state.timestamp: 'None' is not an instant"),
        (("detail", "state", "timestamp"), MISSING, "detail.state.timestamp: missing"),
        (("detail", "state", "reason"), ["x"], "detail.state.reason: a text is needed, found a list"),
        (("detail", "previousState", "value"), "BAD", "detail.previousState.value: 'BAD' is not an alarm state"),
        (("detail", "previousState", "value"), [], "detail.previousState.value: a text is needed, found a list"),
    ],
)
def test_eventbridges_alarm_is_refused_by_key(path, value, told):
    with pytest.raises(MalformedEvent) as refused:
        events.parse(changed(bridged(), path, value))

    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    "event, told",
    [
        (changed(acted(), ("alarmArn",), MISSING), "alarmArn: missing"),
        (changed(acted(), ("alarmData", "state", "value"), "X"), "alarmData.state.value: 'X' is not"),
        (changed(acted(), ("alarmData",), None), "alarmData: an object is needed, found null"),
        (noticed(AlarmName=""), "AlarmName: a text is needed, found an empty text"),
        (noticed(NewStateValue="X"), "NewStateValue: 'X' is not an alarm state"),
        (noticed(StateChangeTime="x"), "StateChangeTime: 'x' is not an instant"),
        (noticed(AlarmContributorId=7), "AlarmContributorId: a text is needed, found 7"),
        ({"Type": "Notification", "Message": 5}, "Message: a text is needed, found 5"),
        ({"Type": "Notification", "Message": "hello"}, "Message: not JSON"),
        (enveloped({}), "detail-type: missing"),
        ({"Records": []}, "Records: a list of one record is needed, found 0 entries"),
        ({"Records": [{}, {}]}, "Records: a list of one record is needed, found 2 entries"),
        ({"Records": {}}, "Records: a list of one record is needed, found an object"),
    ],
)
def test_other_shapes_are_refused_by_key(event, told):
    with pytest.raises(MalformedEvent) as refused:
        events.parse(event)

    assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", "7", '"text"', "{} {}", b"\xff", pytest.param("[" * 99_999, id="deep")]
)
def test_what_is_no_object_is_refused(body):
    with pytest.raises(MalformedEvent, match="body"):
        events.parse(body)


def test_a_status_that_no_endpoint_has_is_refused_with_those_that_are():
    event = changed(sample("sagemaker-endpoint-state-change"), ("detail", "EndpointStatus"), "DANCING")

    with pytest.raises(MalformedEvent, match=r"detail.EndpointStatus: 'DANCING' is not a status; known: OutOfService"):
        events.parse(event)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
    st.just(MISSING),
)
WHOLE = [sample(name) for name in names() if name not in FRAGMENTS] + [form("ALARM") for form in PATHS.values()]


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    here = [path] if path else []
    if isinstance(value, dict):
        return here + [place for key, one in value.items() for place in places(one, (*path, key))]
    return (
        here + [place for n, one in enumerate(value) for place in places(one, (*path, n))]
        if isinstance(value, list)
        else here
    )


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_junk_at_any_place_of_any_event_is_refused_or_read_and_nothing_else(data):
    event = copy.deepcopy(data.draw(st.sampled_from(WHOLE)))
    changed(event, data.draw(st.sampled_from(places(event))), data.draw(JUNK))

    try:
        found = events.parse(json.dumps(event))
    except MalformedEvent:
        return

    if isinstance(found, Heartbeat | Ignored):
        return
    for signal in (found, *deployments.implied(found)):
        known = classify(signal, {})
        assert all(isinstance(text, str) for pair in pairs(signal, known, stage="test") for text in pair)
        assert known.title
        assert {signal.event_key, signal.identity}
        assert signal.at.tzinfo is not None
        assert signal.value is None or isinstance(signal.value, float)
        signal.queries.encode()
