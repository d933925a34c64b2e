"""A fleet of hosts that report errors, and what its alarm says of them."""

from tests.cloudwatch.fakes import FakeWorld


def put(world: FakeWorld, **hosts: float) -> None:
    """One datum for each host, and the end of its minute."""
    for host, value in hosts.items():
        world.put(value, Dimensions=[{"Name": "host", "Value": host}])
    world.advance(minutes=1)


def contributors(world: FakeWorld, name: str = "Fleet") -> list[dict[str, str]]:
    answer = world.call("DescribeAlarmContributors", AlarmName=name)
    return [one["ContributorAttributes"] for one in answer["AlarmContributors"]]


def state(world: FakeWorld, name: str = "Fleet") -> tuple[str, str]:
    alarm = world.described(name)
    return alarm["StateValue"], alarm["StateReason"]
