import pytest

from core.config import load
from core.incidents import matchers, policyfile
from core.incidents.policy import Matcher, Op, Policy, Route, fits, group_key, group_labels, pattern, routes_of, takes
from tests.core.configurations import DEPLOYMENT, SUBSCRIBER, shipped
from tests.incidents.streams import facts, labels

TREE = Route(
    "root",
    "default",
    routes=(
        Route(
            "a",
            "team-a",
            matchers.parse('team=~"a|b"'),
            routes=(Route("a/c", "page", matchers.parse("severity=critical")),),
        ),
        Route("b", "audit", matchers.parse("kind=endpoint"), continues=True),
        Route("c", "rest", matchers.parse("kind=endpoint")),
    ),
)


@pytest.mark.parametrize(
    "own, taken",
    [
        ({"team": "a", "severity": "critical"}, ["a/c"]),
        ({"team": "b", "severity": "warning"}, ["a"]),
        ({"team": "c"}, ["b", "c"]),
        ({"kind": "host"}, ["root"]),
        ({"team": "ab", "kind": "host"}, ["root"]),
    ],
)
def test_an_alert_descends_to_the_first_match_and_on_where_that_continues(own, taken):
    assert [route.id for route in routes_of(Policy(TREE), labels("x", **own))] == taken


@pytest.mark.parametrize(
    "text, found",
    [
        ('severity="critical"', [Matcher("severity", Op.EQUAL, "critical")]),
        ("{a=b, c!=d}", [Matcher("a", Op.EQUAL, "b"), Matcher("c", Op.NOT_EQUAL, "d")]),
        ('a=~"x|y",b!~"\\\\d+"', [Matcher("a", Op.MATCHES, "x|y"), Matcher("b", Op.MATCHES_NOT, "\\d+")]),
        ('a="say \\"hi\\", you"', [Matcher("a", Op.EQUAL, 'say "hi", you')]),
        ('a=""', [Matcher("a", Op.EQUAL, "")]),
        ("", []),
    ],
)
def test_matchers_are_read_as_alertmanager_writes_them(text, found):
    assert list(matchers.parse(text)) == found


@pytest.mark.parametrize("text", ["a", '{a="b"', 'a="b" c="d"', "a=~(", "=b", "1a=b"])
def test_a_malformed_matcher_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        matchers.parse(text)


@pytest.mark.parametrize("text", ['severity="critical"', 'a=~"x|y"', 'a!="say \\"hi\\""', 'b="back\\\\slash"'])
def test_a_matcher_reads_back_as_it_is_shown(text):
    assert str(matchers.one(text)) == text


@pytest.mark.parametrize(
    "text, holds",
    [
        ("team=~a", False),
        ("team=~a.*", True),
        ("team!~a", True),
        ("none=", True),
        ("none!=", False),
        ('none=~".*"', True),
    ],
)
def test_patterns_match_whole_values_and_a_missing_label_is_empty(text, holds):
    assert fits((matchers.one(text),), labels("x", team="abc")) is holds


def test_a_bad_pattern_is_named():
    with pytest.raises(ValueError, match="not a regular expression"):
        pattern("(")


def test_groups_are_named_by_route_and_values():
    every = Route("r", "x", group_by=("...",))
    none = Route("r", "x", group_by=())

    assert group_key(TREE, labels("x")) == 'root:{kind="endpoint", subject="ranker"}'
    assert group_labels(every, labels("x")) == labels("x")
    assert group_key(none, labels("x")) == "r:{}"


CONFIG = """
[notifications]
group_wait_seconds = 0.2
repeat_interval_seconds = 60
endpoints_elsewhere = "ignore"
insufficient_data = "resolve"

[[notifications.receivers]]
name = "gpu"
channels = [
  {kind = "slack", secret = "ssm:/slack/hook"},
  {kind = "https", target = "https://x.example.com/in", secret = "ssm:/key", private_networks = ["10.0.0.0/8"]},
]
send_resolved = false

[[notifications.routes]]
matchers = ['team=~"gpu|ml"']
receiver = "gpu"
group_wait_seconds = 1
[[notifications.routes.routes]]
matchers = ['kind="host"']
name = "hosts"
group_by = ["..."]
mute_intervals = ["night"]

[[notifications.inhibitions]]
name = "own"
source = ["condition=A"]
target = ["condition=B"]

[[notifications.intervals]]
name = "night"
times = ["22:00-24:00"]
location = "Europe/Berlin"
"""


def test_a_route_has_from_its_parent_what_it_does_not_say():
    policy = policyfile.of(load(DEPLOYMENT + CONFIG + SUBSCRIBER))
    (route,) = policy.root.routes
    (inner,) = route.routes

    assert (route.id, inner.id) == ('root/{team=~"gpu|ml"}#0', 'root/{team=~"gpu|ml"}#0/hosts')
    assert (inner.receiver, inner.group_by, inner.mute) == ("gpu", ("...",), ("night",))
    assert [each.group_wait.total_seconds() for each in (policy.root, route, inner)] == [0.2, 1.0, 1.0]
    assert inner.repeat_interval.total_seconds() == 60.0
    assert policy.inhibitions[0].name == "own"
    assert not policy.receiver("gpu").send_resolved
    assert not policy.elsewhere


@pytest.mark.parametrize(
    "make", [lambda: load(DEPLOYMENT + CONFIG + SUBSCRIBER), lambda: shipped("default.toml")], ids=["own", "default"]
)
def test_the_functions_read_the_policy_that_was_deployed(make):
    policy = policyfile.of(make())

    assert policyfile.decode(policyfile.encode(policy)) == policy


@pytest.mark.parametrize(
    "elsewhere, catalogued, taken", [(True, False, True), (False, False, False), (False, True, True)]
)
def test_endpoints_of_elsewhere_are_told_of_unless_the_policy_says_no(elsewhere, catalogued, taken):
    assert takes(Policy(TREE, elsewhere=elsewhere), facts("x", catalogued=catalogued)) is taken
