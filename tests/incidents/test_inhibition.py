import pytest

from core.incidents import matchers
from core.incidents.inhibition import SHIPPED, Sources, is_source
from core.incidents.observation import observe
from core.incidents.policy import Inhibition, Policy, Route
from tests.incidents.streams import ENDS, FIRES, at, facts, labels, signal

DOWN = Inhibition("down", matchers.parse("condition=Down"), matchers.parse("condition=Slow"), ("subject", "zone"))
POLICY = Policy(Route("root", "topics"))


def alert(name, state=FIRES, **more):
    one = signal(name, state, 0)
    return observe(None, one, labels(name, **more), facts(name), policy=POLICY, now=at(0)).alert


def muting(rules, sources, target, now=0):
    return Sources.of(rules, sources).muting(target, now=at(now))


@pytest.mark.parametrize(
    "source, target, mutes",
    [
        ({"condition": "Down"}, {"condition": "Slow"}, True),
        ({"condition": "Down", "zone": "a"}, {"condition": "Slow", "zone": "a"}, True),
        ({"condition": "Down", "zone": "a"}, {"condition": "Slow"}, False),
        ({"condition": "Down", "zone": "a"}, {"condition": "Slow", "zone": "b"}, False),
        ({"condition": "Down", "subject": "other"}, {"condition": "Slow"}, False),
        ({"condition": "Other"}, {"condition": "Slow"}, False),
        ({"condition": "Down"}, {"condition": "Other"}, False),
    ],
)
def test_a_rule_mutes_what_agrees_on_all_equal_labels_where_absent_equals_absent(source, target, mutes):
    assert bool(muting((DOWN,), [alert("s", **source)], alert("t", **target))) is mutes


def test_only_what_fires_mutes():
    over = alert("s", condition="Down")
    over = observe(over, signal("s", ENDS, 5), over.labels, over.facts, policy=POLICY, now=at(5)).alert

    assert muting((DOWN,), [over], alert("t", condition="Slow")) == ""


def test_what_fits_both_sides_mutes_neither_itself_nor_its_like():
    rule = Inhibition("both", matchers.parse("kind=endpoint"), matchers.parse("kind=endpoint"), ("subject",))
    one, other = alert("a"), alert("b")

    assert muting((rule,), [one, other], one) == ""


def test_what_fits_both_sides_is_muted_by_what_fits_the_source_alone():
    rule = Inhibition("half", matchers.parse("condition=~Down|Both"), matchers.parse("condition=~Slow|Both"))

    assert muting((rule,), [alert("s", condition="Down"), alert("b", condition="Both")], alert("b", condition="Both"))
    assert not muting((rule,), [alert("b", condition="Both")], alert("c", condition="Both"))


def test_sources_follow_the_alerts():
    sources, target = Sources((DOWN,)), alert("t", condition="Slow")
    source = alert("s", condition="Down")
    ended = observe(source, signal("s", ENDS, 5), source.labels, source.facts, policy=POLICY, now=at(5)).alert

    before = sources.muting(target, now=at(0))
    sources.put(source)
    sources.put(source)
    during = sources.muting(target, now=at(0))
    sources.put(ended)

    assert (before, during, sources.muting(target, now=at(6))) == ("", "down", "")


@pytest.mark.parametrize(
    "source, target, severity",
    [
        ("EndpointStatus", "HighP99Latency", "critical"),
        ("DeploymentInProgress", "HighP99Latency", "warning"),
        ("NoTraffic", "LowGPUUtilisation", "warning"),
        ("InstanceTypeCapacityError", "ScalingFailed", "warning"),
        ("DataFreshnessStale", "FeatureDrift", "warning"),
    ],
)
def test_the_shipped_rules_mute_what_a_told_cause_explains(source, target, severity):
    source_labels = {"condition": source, "account": "1", "region": "r"}
    target_labels = {"condition": target, "account": "1", "region": "r", "severity": severity}

    assert muting(SHIPPED, [alert("s", **source_labels)], alert("t", **target_labels))


def test_no_shipped_rule_mutes_the_page_for_the_endpoint_as_a_whole():
    page = alert("t", condition="Unhealthy", severity="critical")

    sources = [
        alert(f"s{number}", condition=condition)
        for number, condition in enumerate(["EndpointStatus", "DeploymentInProgress", "NoTraffic"])
    ]

    assert muting(SHIPPED, sources, page) == ""
    assert is_source(SHIPPED, sources[0].labels)
    assert not is_source(SHIPPED, page.labels)
