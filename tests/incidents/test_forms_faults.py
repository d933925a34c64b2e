from datetime import UTC, datetime

import pytest

from core.catalogue.alarm import Severity
from core.incidents import events
from core.incidents.forms import faults
from core.incidents.signals import EventSignal, State
from tests.incidents.events import fault


def agent_fault(state: str = "ALARM", **detail: object) -> EventSignal:
    return fault(
        {
            "detail-type": faults.AGENT_FAULT,
            "source": faults.AGENT_SOURCE,
            "account": "123456789012",
            "region": "us-east-1",
            "time": "2026-11-21T14:02:12Z",
            "resources": [],
            "detail": {
                "host": "trainer-1",
                "fault": "XidError",
                "state": state,
                "at": "2026-11-21T14:02:10.250Z",
                **detail,
            },
        }
    )


def test_the_agents_fault_is_one_of_a_host_a_gpu_and_a_code():
    lost = agent_fault(severity="critical", gpu="0", code=79, text="GPU has fallen off the bus")

    assert (lost.kind, lost.subject, lost.severity) == ("host", "trainer-1", Severity.CRITICAL)
    assert lost.title == "XidError 79 on GPU 0"
    assert lost.at == datetime(2026, 11, 21, 14, 2, 10, 250_000, tzinfo=UTC)
    assert lost.resolves_at == lost.at + faults.FAULT_HOLD
    assert len({lost.identity, agent_fault(gpu="1", code=79).identity, agent_fault(gpu="0", code=48).identity}) == 3


def test_the_agent_ends_its_fault():
    over = agent_fault("OK", gpu="0", code=79)

    assert (over.state, over.resolves_at) == (State.OK, None)
    assert over.identity == agent_fault(gpu=0, code="79", severity="critical").identity


@pytest.mark.parametrize(
    "detail, refused",
    [
        ({"severity": "bad"}, "detail.severity: 'bad' is none; known: critical, warning, info"),
        ({"code": True}, "detail.code: a text or a whole number is needed, found true"),
        ({"host": ""}, "detail.host: a text is needed, found an empty text"),
        ({"state": "BAD"}, "detail.state: 'BAD' is not an alarm state"),
    ],
)
def test_the_agents_malformed_fault_is_refused_by_key(detail, refused):
    with pytest.raises(events.MalformedEvent, match=refused):
        agent_fault(**detail)
