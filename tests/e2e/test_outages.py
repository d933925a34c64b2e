"""Services that fail for a while under the deployed functions: the page comes late, and once."""

from datetime import timedelta

from local.faults import Fault
from tests.e2e.deployed import START, Deployed


def pages(deployed: Deployed) -> list[str]:
    """The first messages about the endpoint of these tests."""
    return [message.subject for message in deployed.messages() if message.subject.startswith("[CRITICAL] embedder")]


def test_a_table_that_is_down_delays_the_page_and_loses_nothing(deployed: Deployed) -> None:
    deployed.advance(minutes=2)
    end = START + timedelta(minutes=6)
    deployed.world.faults.add(Fault("dynamodb", "*", "InternalServerError", until=end))

    deployed.set_alarm("embedder", "Unhealthy")
    deployed.advance(minutes=4)
    early = pages(deployed)
    deployed.advance(minutes=20)

    assert deployed.world.faults.listed()[0]["hits"] > 0
    assert early == []
    assert len(pages(deployed)) == 1


def test_a_queue_that_is_throttled_gets_its_event_from_the_rule_later(deployed: Deployed) -> None:
    deployed.advance(minutes=2)
    queue = deployed.arn_of_queue(deployed.physical("Events"))
    deployed.world.faults.add(Fault("sqs", "SendMessage", "ThrottlingException", resource=queue, times=3))

    deployed.set_alarm("embedder", "Unhealthy")
    deployed.advance(minutes=4)

    assert deployed.world.faults.listed()[0]["hits"] == 3
    assert len(pages(deployed)) == 1


def test_a_topic_that_is_throttled_is_published_to_again(deployed: Deployed) -> None:
    deployed.advance(minutes=2)
    deployed.world.faults.add(Fault("sns", "Publish", "Throttled", status=429, until=START + timedelta(minutes=3)))

    deployed.set_alarm("embedder", "Unhealthy")
    deployed.advance(seconds=50)
    early = pages(deployed)
    deployed.advance(minutes=20)

    assert deployed.world.faults.listed()[0]["hits"] > 0
    assert early == []
    assert len(pages(deployed)) == 1
