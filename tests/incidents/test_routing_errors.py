"""What is wrong with a routing tree is named by its place, and never deployed."""

import pytest

from core.config import ConfigError
from tests.core.configurations import configured

RECEIVER = """
[[notifications.receivers]]
name = "gpu"
channels = [{kind = "slack", secret = "ssm:/hook"}]
"""


def problems(*sections: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        configured(*sections)
    return str(refused.value).splitlines()


def routes(*tables: str) -> str:
    return "".join(f"[[notifications.routes]]\n{table}\n" for table in tables)


@pytest.mark.parametrize(
    "sections, said",
    [
        (['[notifications]\nreceiver = "gone"'], 'notifications.receiver: "gone" is no receiver; known: topics'),
        (
            [RECEIVER, routes('receiver = "gpus"')],
            'notifications.routes[0].receiver: "gpus" is no receiver; known: gpu, topics',
        ),
        (
            [routes('matchers = ["team=a"]\nmute_intervals = ["night"]')],
            'notifications.routes[0].mute_intervals[0]: "night" is no interval; known: none',
        ),
        (
            [routes('matchers = ["team"]')],
            (
                "notifications.routes[0].matchers[0]: 'team': 'team' is no matcher; one such as "
                'severity="critical" would be right'
            ),
        ),
        (
            [routes("matchers = ['team=~\"(\"']")],
            (
                "notifications.routes[0].matchers[0]: '(' is not a regular expression: missing ), unterminated "
                "subpattern at position 0"
            ),
        ),
        (
            [routes('matchers = ["team=a", "a=b,c=d"]')],
            "notifications.routes[0].matchers[1]: 'a=b,c=d': one matcher is needed, such as severity=\"critical\"",
        ),
        (
            ['[[notifications.intervals]]\nname = "night"\ntimes = ["22:00-06:00"]'],
            (
                "notifications.intervals[0].times[0]: '22:00-06:00' is no range of times; one such as 09:00-17:00, "
                "the end at most 24:00, would be right"
            ),
        ),
        (
            ['[[notifications.intervals]]\nname = "night"\nlocation = "Mars/Olympus"'],
            (
                "notifications.intervals[0].location: 'Mars/Olympus' is no time zone; one such as Europe/Berlin would "
                "be right"
            ),
        ),
        (
            [RECEIVER, RECEIVER],
            'notifications.receivers[1].name: "gpu" is there already; another name would be right',
        ),
        (
            [RECEIVER.replace("gpu", "topics")],
            "notifications.receivers[0].name: topics is the subscriptions' own; another name would be right",
        ),
        (
            [routes('matchers = ["team=a"]\ngroup_by = ["...", "team"]')],
            'notifications.routes[0].group_by: "..." is every label and stands alone',
        ),
        (
            ['[[notifications.inhibitions]]\nname = "own"\nsource = ["a=b"]\ntarget = ["=c"]'],
            (
                "notifications.inhibitions[0].target[0]: '=c': '=c' is no matcher; one such as severity=\"critical\" "
                "would be right"
            ),
        ),
        (
            [routes('name = "a"\nmatchers = ["team=a"]', 'name = "a"\nmatchers = ["team=b"]')],
            (
                'notifications.routes[1].name: "a" makes it the route notifications.routes[0] again; another name '
                "would be right"
            ),
        ),
        (
            [routes('matchers = ["team=a"]', 'matchers = ["team=a"]')],
            (
                "notifications.routes[1]: is never reached: notifications.routes[0] takes all that it matches; other "
                "matchers, the other order, or continues = true in notifications.routes[0] would be right"
            ),
        ),
    ],
)
def test_a_mistake_is_named_with_its_place_and_what_would_be_right(sections, said):
    assert problems(*sections) == [said]


def test_a_route_after_one_that_takes_everything_is_never_reached():
    (said,) = problems(routes("", 'matchers = ["team=a"]'))

    assert said.startswith("notifications.routes[1]: is never reached: notifications.routes[0] takes all")


def test_a_nested_route_is_named_by_its_path():
    inner = routes('name = "x"\nmatchers = ["team=a"]').replace("routes]]", "routes.routes]]")
    (said,) = problems(routes('name = "a"\nmatchers = ["kind=host"]') + inner + inner.replace("team=a", "team=b"))

    assert said.startswith('notifications.routes[0].routes[1].name: "x" makes it the route notifications.routes[0].ro')


@pytest.mark.parametrize(
    "tree",
    [
        routes('matchers = ["team=a"]\ncontinues = true', 'matchers = ["team=a"]'),
        routes('matchers = ["team=a", "kind=host"]', 'matchers = ["team=a"]'),
        routes('matchers = ["team=a"]', 'matchers = ["team=b"]', 'matchers = ["team=c"]'),
    ],
)
def test_routes_that_leave_something_to_each_other_are_taken(tree):
    assert configured(tree).notifications.routes


def test_a_route_that_pages_nobody_is_refused():
    (said,) = problems(
        '[[notifications.receivers]]\nname = "items"\nchannels = [{kind = "opscenter"}]',
        routes('matchers = ["team=a"]\nreceiver = "items"'),
    )

    assert said == "notifications.routes[0]: takes critical incidents to items, which reaches nobody with them"
