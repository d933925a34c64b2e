"""`incidents list`, `show`, `silence` and `replay` over the table under moto."""

import json
import os
from datetime import timedelta
from typing import Any

import pytest

from cli import aws
from cli.__main__ import main
from cli.aws import Resource
from core.incidents import instants, keys
from lambdas.adapters import replay, silences
from tests.channels import table as incident_table
from tests.channels.table import GROUP, INCIDENT, NAME, NOW, OPENED, open_incident, put

HERE = ("--stage", "production", "--table", NAME)
PAST = "INC-20261120-00000001"


class Ran:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        status = main(["incidents", *arguments, *HERE])
        out, err = self._capsys.readouterr()
        return status, out, err

    def json(self, *arguments: str) -> Any:
        status, out, err = self(*arguments, "--json")
        assert (status, err) == (0, "")
        return json.loads(out)


@pytest.fixture
def ran(table: Any, capsys: pytest.CaptureFixture[str]) -> Ran:
    return Ran(capsys)


def deliver(number: int, status: str, *, incident: str = INCIDENT) -> keys.Key:
    """A delivery of the incident's n-th message, an as many minutes after its opening."""
    message = keys.message(GROUP, OPENED + timedelta(minutes=number), number)
    place = keys.delivery(message, 0)
    put(
        place,
        incident=incident,
        group=GROUP,
        receiver="oncall",
        channel='["pagerduty", "", "ssm:/key", []]',
        number=0,
        attempts=1,
        status=status,
        said="PagerDuty answered 503" if status == "failed" else "",
        created_at=instants.show(OPENED),
        **({"settled_at": instants.show(OPENED + timedelta(minutes=number))} if status != "unsent" else {}),
    )
    return place


def test_open_incidents_are_listed_worst_first(ran: Ran) -> None:
    open_incident("INC-20261121-00000001", severity="warning")
    open_incident(cause="new endpoint config ranker-2")
    open_incident(PAST, resolved_at="2026-11-20T15:00:00.000Z", open_shard="", opened_at="2026-11-20T14:00:00.000Z")

    status, out, _ = ran("list")

    rows = out.splitlines()
    assert status == 0
    assert [row.split()[0] for row in rows] == ["severity", "critical", "warning"]
    assert "6 min" in rows[1]
    assert "new endpoint config ranker-2" in rows[1]


def test_past_incidents_are_listed_on_demand_each_once(ran: Ran) -> None:
    open_incident()
    open_incident(PAST, resolved_at="2026-11-20T15:00:00.000Z", open_shard="", opened_at="2026-11-20T14:00:00.000Z")

    found = ran.json("list", "--days", "1")

    assert [one["incident"] for one in found] == [PAST, INCIDENT]
    assert (found[0]["age_seconds"], found[0]["resolved_at"]) == (3600, "2026-11-20T15:00:00.000Z")
    assert ran.json("list", "--days", "1", "--owner", "nobody") == []


def test_without_incidents_it_says_so(ran: Ran) -> None:
    assert ran("list") == (0, "no open incidents\n", "")


def test_an_incident_is_shown_with_all_that_happened_in_order_and_nothing_of_others(ran: Ran) -> None:
    open_incident()
    event = keys.event(GROUP, OPENED, "key")
    put(event, incident=INCIDENT, source="ranker-HighErrorRate", state="ALARM", outcome="fired", reason="7 % > 5 %")
    put(keys.event(GROUP, OPENED, "other"), incident="INC-other", source="elsewhere", state="ALARM", outcome="fired")
    put(keys.message(GROUP, OPENED + timedelta(seconds=30), 1), incident=INCIDENT, reason="first", receiver="oncall")
    put(keys.decision(GROUP, OPENED + timedelta(minutes=5)), incident=INCIDENT, reason="silenced")
    deliver(2, "failed")

    shown = ran.json("show", INCIDENT)
    _, out, _ = ran("show", INCIDENT)

    assert [(entry["kind"], entry["what"]) for entry in shown["trail"]] == [
        ("event", "ranker-HighErrorRate ALARM: fired"),
        ("message", "first to oncall"),
        ("delivery", "oncall by pagerduty: failed"),
        ("decision", "nothing sent: silenced"),
    ]
    assert "said=PagerDuty answered 503" in out
    assert "elsewhere" not in out


@pytest.mark.parametrize("identity", ["INC-20261121-ffffffff", "nonsense"])
def test_an_incident_that_is_not_there_is_named(ran: Ran, identity: str) -> None:
    status, _, err = ran("show", identity)

    assert status == 1
    assert err.startswith(f"mlwarden: there is no incident {identity};")


def test_a_silence_is_created_listed_and_expired(ran: Ran, table: Any) -> None:
    create = ("silence", "create", 'subject="ranker"', "severity!=critical", "--duration", "2h")
    [made] = ran.json(*create, "--comment", "deploy", "--author", "ada")
    assert made["matchers"] == ['subject="ranker"', 'severity!="critical"']
    assert made["ends_at"] == instants.show(NOW + timedelta(hours=2))

    table.shift(timedelta(minutes=5))
    _, listed, _ = ran("silence", "list")
    [ended] = ran.json("silence", "expire", made["id"])

    assert listed.startswith(f"{made['id']}  active  ")
    assert "by ada: deploy" in listed
    assert ended["ends_at"] == instants.show(NOW + timedelta(minutes=5))
    assert ran("silence", "list") == (0, "no silences\n", "")
    assert len(ran.json("silence", "list", "--all")) == 1


@pytest.mark.parametrize(
    "arguments,said",
    [
        (("create", "subject", "--comment", "x"), "'subject' is no matcher"),
        (("create", 'subject=~".*"', "--comment", "x"), "would silence everything"),
        (("create", 'subject=~"("', "--comment", "x"), "is not a regular expression"),
        (("expire", "0123"), "there is no silence 0123"),
    ],
)
def test_a_silence_that_cannot_be_is_refused_with_the_reason(ran: Ran, arguments: tuple[str, ...], said: str) -> None:
    status, _, err = ran("silence", *arguments)

    assert status == 1
    assert said in err
    assert silences.load(NAME) == ()


@pytest.mark.parametrize("duration", ["", "soon", "0s", "-1h", "1y", "900d", "1h30"])
def test_a_duration_that_cannot_be_is_wrong_usage(ran: Ran, duration: str) -> None:
    with pytest.raises(SystemExit) as ended:
        ran("silence", "create", "a=b", "--comment", "x", f"--duration={duration}")

    assert ended.value.code == 2


class Queues:
    """The dead-letter queues of a deployment: how much is in them, and which were redriven."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **waiting: int) -> None:
        self.redriven: list[str] = []
        found = tuple(Resource(f"{name}DeadLetters1A2B", "AWS::SQS::Queue", f"url/{name}") for name in waiting)
        monkeypatch.setattr(aws, "resources", lambda _: found)
        monkeypatch.setattr(aws, "waiting", lambda url: (f"arn:{url}", waiting[url.removeprefix("url/")]))
        monkeypatch.setattr(aws, "redrive", self.redriven.append)


def test_replay_sends_dead_letters_back_and_owes_what_was_given_up(ran: Ran, monkeypatch: Any) -> None:
    queues = Queues(monkeypatch, Events=3, Investigations=0, Notifications=1)
    open_incident()
    deliver(1, "sent")
    given_up = deliver(2, "failed")
    deliver(3, "refused")

    found = ran.json("replay")

    assert found["dead_letters"] == {"events": 3, "investigations": 0, "notifications": 1}
    assert queues.redriven == ["arn:url/Events", "arn:url/Notifications"]
    assert found["deliveries"] == 1
    owed = [item for item in incident_table.items() if "due_at" in item]
    assert [(item["pk"], item["sk"], item["status"]) for item in owed] == [(*given_up, "unsent")]
    assert owed[0]["due_at"] == instants.show(NOW)


def test_replay_of_a_replay_owes_nothing_more(ran: Ran, monkeypatch: Any) -> None:
    Queues(monkeypatch, Events=0, Investigations=0, Notifications=0)
    open_incident()
    deliver(2, "failed")
    ran("replay")

    assert ran.json("replay")["deliveries"] == 0


def test_what_arrived_meanwhile_is_not_owed_again(table: Any) -> None:
    place = deliver(2, "sent")

    assert replay.again(NAME, place, now=NOW) is False
    assert [item["status"] for item in incident_table.items()] == ["sent"]


def test_what_a_later_message_has_told_is_not_missing(ran: Ran) -> None:
    open_incident()
    deliver(1, "failed")
    deliver(2, "refused")
    deliver(3, "sent")
    deliver(4, "failed")
    deliver(5, "sent", incident="INC-20261121-eeeeeeee")

    assert ran.json("replay", INCIDENT, "--refused")["deliveries"] == 1
    assert next(item["sk"] for item in incident_table.items() if "due_at" in item).endswith("#000004#0")


def test_replay_of_one_incident_leaves_the_queues_and_the_others_alone(ran: Ran, monkeypatch: Any) -> None:
    queues = Queues(monkeypatch, Events=3, Investigations=0, Notifications=0)
    open_incident()
    deliver(1, "failed")
    deliver(2, "refused")
    deliver(3, "failed", incident="INC-20261121-eeeeeeee")

    assert ran.json("replay", INCIDENT, "--refused", "--dry-run")["deliveries"] == 2
    assert ran.json("replay", INCIDENT, "--refused")["deliveries"] == 2
    assert queues.redriven == []


def test_a_dry_run_changes_nothing(ran: Ran, monkeypatch: Any) -> None:
    queues = Queues(monkeypatch, Events=3, Investigations=0, Notifications=0)
    open_incident()
    deliver(1, "failed")
    before = incident_table.items()

    status, out, _ = ran("replay", "--dry-run")

    assert status == 0
    assert "3 dead letters would go back to the events queue" in out
    assert "1 deliveries would be owed again" in out
    assert queues.redriven == []
    assert incident_table.items() == before


def test_a_table_that_is_not_there_is_one_clear_line(table: Any, capsys: Any) -> None:
    status = main(["incidents", "list", "--stage", "production", "--table", "elsewhere"])

    assert status == 1
    assert "ResourceNotFoundException" in capsys.readouterr().err


def test_a_deployment_that_is_not_there_is_one_clear_line(table: Any, capsys: Any) -> None:
    status = main(["incidents", "list", "--stage", "nowhere"])

    assert status == 1
    assert "there is no stack mlwarden-nowhere-notifications" in capsys.readouterr().err


def test_the_environment_is_left_as_it_was(ran: Ran, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    before = dict(os.environ)

    ran("list", "--region", "us-east-1")

    assert dict(os.environ) == before


def test_an_address_on_this_machine_that_nobody_serves_is_one_clear_line(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("AWS_PROFILE", raising=False)

    status = main(["incidents", "list", "--table", NAME, "--endpoint-url", "http://127.0.0.1:9"])

    assert status == 1
    assert "127.0.0.1:9" in capsys.readouterr().err
