import json

from core.catalogue import alarms, facts, platform
from core.catalogue.alarm import Delivery, Severity, Subject
from tests.core.configurations import ENDPOINT, GPU_HOST, NAMES, configured, shipped


def test_facts_survive_the_layer():
    config = configured(ENDPOINT, GPU_HOST)
    every = (*alarms.compute(config), *platform.alarms(config, NAMES))

    decoded = facts.decode(facts.encode(every))

    assert {entry.name: entry for entry in facts.facts(every)} == decoded


def test_facts_of_a_child_name_its_parent_and_show_people_units():
    entry = facts.decode(facts.encode(alarms.compute(configured(ENDPOINT))))["mlwarden-test-ranker-HighP99Latency"]

    assert "mlwarden-test-ranker-Unhealthy" == entry.parent
    assert (250_000, "ms") == (entry.threshold, entry.unit)
    assert 0.001 == entry.scale
    assert ("GreaterThanThreshold", 60, 4, 5) == (
        entry.comparison,
        entry.period_seconds,
        entry.datapoints,
        entry.periods,
    )
    assert (Severity.CRITICAL, Delivery.CONTEXT) == (entry.severity, entry.delivery)
    assert Subject("endpoint", "ranker", "AllTraffic") == entry.subject


def test_facts_of_a_composite_name_its_children_and_have_no_threshold():
    entry = facts.decode(facts.encode(alarms.compute(configured(ENDPOINT))))["mlwarden-test-ranker-Unhealthy"]

    assert "mlwarden-test-ranker-HighErrorRate" == entry.children[0]
    assert (None, "", "") == (entry.threshold, entry.comparison, entry.parent)


def test_an_alarm_under_no_composite_has_no_parent():
    entry = facts.decode(facts.encode(alarms.compute(configured(ENDPOINT))))["mlwarden-test-ranker-HighCPU"]

    assert "" == entry.parent


def test_the_encoding_is_the_same_each_time_and_holds_no_physical_name():
    every = (*alarms.compute(shipped("default.toml")), *platform.alarms(shipped("default.toml"), NAMES))

    text = facts.encode(every)

    assert text == facts.encode(every)
    assert len(every) == len(json.loads(text))
    for physical in (*NAMES.functions.values(), *NAMES.dead_letters.values(), *NAMES.topics.values()):
        assert physical not in text
