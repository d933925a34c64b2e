import json
import re
from datetime import timedelta

import pytest

from core.catalogue.metric import Display
from core.incidents.notification import Reason
from core.incidents.policy import ChannelKind
from core.messages import figures
from tests.messages import samples
from tests.messages.reading import KINDS, mail, message, numbers, sayable, seen
from tests.messages.samples import FOUND, PREFIX, alarm_event, alerts, notification

EVERYTHING = samples.everything()


@pytest.mark.parametrize("name", EVERYTHING)
def test_every_figure_of_every_text_is_in_the_data(name):
    told = EVERYTHING[name]
    may = sayable(json.loads(message(told).figures))

    said = {kind: [n for n in numbers(seen(message(told, kind))) if abs(n) not in may] for kind in KINDS}

    assert said == {kind: [] for kind in KINDS}


@pytest.mark.parametrize("name", ["kind-metric", "kind-composite", "reason-all-resolved", "reason-new-resolved"])
def test_each_value_and_what_it_is_held_against_are_a_pair_in_the_data(name):
    found = message(EVERYTHING[name])
    data = json.loads(found.figures)
    items = [item for key in ("figures", "resolved", "symptoms") for item in data.get(key, ())]
    known = {(item.get(key), item["threshold"]) for item in items for key in ("value", "peak")}

    said = re.findall(r"(\S+) (?:ms|%) against (\S+) (?:ms|%)", " ".join(found.body.split()))

    assert said
    assert {(numbers(value)[0], numbers(threshold)[0]) for value, threshold in said} <= known


def test_a_figure_that_is_not_in_the_data_is_noticed():
    data = json.loads(message(EVERYTHING["reason-first"]).figures)

    assert 813.0 not in sayable(data)
    assert 812.0 in sayable(data)


@pytest.mark.parametrize("kind", [ChannelKind.HTTPS, ChannelKind.PAGERDUTY, ChannelKind.OPSCENTER])
def test_channels_with_data_of_their_own_have_the_same_figures(kind):
    told = EVERYTHING["reason-first"]
    data = json.loads(message(told).figures)

    document = json.loads(message(told, kind).body)
    match kind:
        case ChannelKind.HTTPS:
            same = {name: value for name, value in document.items() if name not in {"text", "headline"}}
        case ChannelKind.PAGERDUTY:
            same = document[0]["payload"]["custom_details"]["figures"]
        case _:
            same = json.loads(document["open"]["OperationalData"]["figures"]["Value"])

    assert data == same


def test_the_impact_is_told_in_requests_and_percent_as_in_the_data():
    (errors,) = alerts(alarm_event(PREFIX + "HighErrorRate", value=7.432))
    told = notification(Reason.FIRST, errors, investigation=FOUND)
    impact = json.loads(message(told).figures)["impact"]

    (line,) = [line for line in mail(told).splitlines() if line.startswith("Impact")]

    assert numbers(line) == [impact["failed"], impact["requests"], impact["percent"], impact["window_seconds"] / 60]


@pytest.mark.parametrize(
    "value, display, text",
    [
        (812_345.0, Display("ms", 0.001), "812 ms"),
        (7.432, Display("%"), "7.43 %"),
        (0.0, Display("requests"), "0 requests"),
        (1731.4, Display("requests"), "1,731 requests"),
        (84.26, Display("°C"), "84.3 °C"),
        (0.00042, Display(""), "0"),
        (-3.0, Display("W"), "-3 W"),
    ],
)
def test_values_are_told_in_the_unit_people_read(value, display, text):
    found = figures.figure(value, display)

    assert found is not None
    assert found.text == text


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_what_is_no_number_is_not_told(value):
    assert figures.figure(value, Display("ms")) is None


@pytest.mark.parametrize(
    "seconds, text",
    [(-5, "0 s"), (45, "45 s"), (360, "6 min"), (7500, "2 h 5 min"), (7200, "2 h"), (97_200, "1 d 3 h")],
)
def test_ages_are_short_and_never_negative(seconds, text):
    assert figures.age(timedelta(seconds=seconds)) == text


def test_an_instant_of_another_day_is_told_with_its_date():
    assert figures.moment(samples.START, samples.at(3600)) == "14:02Z"
    assert figures.moment(samples.START, samples.at(100_000)) == "2026-11-21 14:02Z"
