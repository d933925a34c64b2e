"""Virtual time waits for the agent: what its log says decides how far the clock may go."""

import queue
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from agent.lane import SENT
from cli.agent_log import AgentLog
from cli.errors import CommandError

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SAMPLING = f"info agent.loop: first samples taken start={NOON.isoformat()}"


class Agent:
    """Says what it is told to say, and ends."""

    def __init__(self, *said: str) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.heard: queue.SimpleQueue[str] = queue.SimpleQueue()
        """Lines that were taken in."""
        for line in said:
            self.say(line)

    def say(self, line: str) -> None:
        self._lines.put(line + "\n")

    def sent(self, minute: int) -> None:
        start = NOON + timedelta(minutes=minute)
        self.say(f"info agent.delivery: {SENT} start={start.isoformat()} sink=cloudwatch windows=1 waiting=0")

    def end(self) -> None:
        self._lines.put(None)

    def __iter__(self) -> Iterator[str]:
        while (line := self._lines.get()) is not None:
            yield line
            self.heard.put(line)


def test_the_first_two_minutes_pass_before_a_window_can_have_been_sent():
    agent = Agent(SAMPLING)
    log = AgentLog(agent)

    log.wait_until_sampling()
    log.wait_before(NOON + timedelta(minutes=1, seconds=55))

    agent.end()
    log.join()


def test_a_minute_does_not_end_before_the_window_before_it_was_sent():
    agent = Agent(SAMPLING)
    log = AgentLog(agent)
    log.wait_until_sampling()
    passed = threading.Event()

    def pass_on() -> None:
        log.wait_before(NOON + timedelta(minutes=3))
        passed.set()

    waiting = threading.Thread(target=pass_on)
    waiting.start()
    agent.sent(0)
    held = not passed.is_set()
    agent.sent(1)
    waiting.join(timeout=10)

    assert held
    assert passed.is_set()
    agent.end()
    log.join()


def test_an_agent_that_ends_is_named_with_its_last_lines():
    agent = Agent("mlwarden-agent: region: not known")
    agent.end()

    with pytest.raises(CommandError, match=r"the agent ended: it did not take samples\. .*region: not known"):
        AgentLog(agent).wait_until_sampling()


def test_an_agent_that_sends_nothing_is_named_with_the_minute_that_is_missing():
    agent = Agent(SAMPLING)
    log = AgentLog(agent, patience_seconds=0)
    agent.heard.get()

    with pytest.raises(CommandError, match="is stuck"):
        log.wait_before(NOON + timedelta(minutes=2))

    agent.end()
    log.join()


def test_what_comes_after_the_end_was_noticed_does_not_wait():
    agent = Agent(SAMPLING)
    agent.sent(0)
    agent.end()
    log = AgentLog(agent)
    log.join()

    log.wait_before(NOON + timedelta(minutes=2))
    with pytest.raises(CommandError, match="the agent ended: it did not send the minute from 12:01"):
        log.wait_before(NOON + timedelta(minutes=3))
