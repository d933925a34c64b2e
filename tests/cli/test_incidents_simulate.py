import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main

START = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)
CONFIG = """
[deployment]
stage = "test"
owner = "ml"
runbooks = "https://example.com/runbooks"
[[endpoints]]
name = "ranker"
instance_type = "ml.m5.xlarge"
p99_ms = 200
traffic = "sporadic"
[notifications]
group_wait_seconds = 2
group_interval_seconds = 4
repeat_interval_seconds = 9
group_by = ["grp"]
[[notifications.subscriptions]]
protocol = "email"
endpoint = "oncall@example.com"
"""


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def alarm(name: str, state: str, seconds: float, **labels: str) -> dict[str, Any]:
    """A line with an alarm's state change."""
    arn = f"arn:aws:cloudwatch:us-east-1:123456789012:alarm:{name}"
    event = {
        "version": "0",
        "id": "c4c1c1c9-6542-e61b-6ef0-8c4d36933a92",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "123456789012",
        "time": at(seconds),
        "region": "us-east-1",
        "resources": [arn],
        "detail": {
            "alarmName": name,
            "state": {"value": state, "reason": "tested", "timestamp": at(seconds).replace("Z", "+0000")},
            "previousState": {"value": "OK", "timestamp": at(seconds - 60)},
            "configuration": {"metrics": []},
        },
    }
    return {"at": at(seconds), "event": event} | ({"labels": labels} if labels else {})


class Simulated:
    """`simulate` over lines, in a folder with a configuration."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config, self.events, self._capsys = folder / "config.toml", folder / "events.jsonl", capsys
        self.config.write_text(CONFIG)

    def text(self, lines: list[Any], *options: str) -> tuple[int, str, str]:
        written = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        self.events.write_text("\n".join(written) + "\n")
        status = main(["incidents", "simulate", str(self.events), "--config", str(self.config), *options])
        out, err = self._capsys.readouterr()
        return status, out, err

    def __call__(self, lines: list[Any], *options: str) -> list[dict[str, Any]]:
        status, out, err = self.text(lines, "--json", *options)
        assert (status, err) == (0, "")
        found: list[dict[str, Any]] = json.loads(out)
        return found

    def told(self, lines: list[Any], *options: str) -> list[tuple[str, str, str]]:
        """Time, reason and the alerts with what they do, in short."""
        return [
            (
                told["at"][17:],
                told["reason"],
                " ".join(f"{alert['source']}:{alert['status']}" for alert in told["alerts"]),
            )
            for told in self(lines, *options)
        ]


@pytest.fixture
def simulated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Simulated:
    return Simulated(tmp_path, capsys)


def test_every_notification_is_printed_with_time_reason_group_receiver_and_alerts(simulated: Simulated) -> None:
    [first, last] = simulated([alarm("x", "ALARM", 0, grp="g"), alarm("x", "OK", 3)])

    assert {key: first[key] for key in ("at", "reason", "group", "receiver", "firing", "resolved")} == {
        "at": at(2),
        "reason": "first",
        "group": 'root:{grp="g"}',
        "receiver": "topics",
        "firing": 1,
        "resolved": 0,
    }
    [alert] = first["alerts"]
    assert (alert["source"], alert["status"], alert["starts_at"], alert["labels"]["grp"]) == ("x", "firing", at(0), "g")
    assert (last["at"], last["reason"], last["incident"]) == (at(6), "all-resolved", first["incident"])
    assert last["alerts"][0]["ends_at"] == at(3)


def test_the_golden_trace_of_a_joiner_comes_out(simulated: Simulated) -> None:
    lines = [alarm("x", "ALARM", 0, grp="g"), alarm("y", "ALARM", 3, grp="g")]

    assert simulated.told(lines, "--until", at(20)) == [
        ("02.000Z", "first", "x:firing"),
        ("06.000Z", "new-alerts", "x:firing y:firing"),
        ("18.000Z", "repeat", "x:firing y:firing"),
    ]


def test_by_default_it_stops_a_group_wait_and_an_interval_after_the_last_event(simulated: Simulated) -> None:
    status, out, _ = simulated.text([alarm("x", "ALARM", 0)])

    assert status == 0
    assert out.splitlines()[-1] == f"1 notification until {at(6)}"


def test_times_and_durations_are_kept_to_the_millisecond(simulated: Simulated) -> None:
    simulated.config.write_text(CONFIG.replace("group_wait_seconds = 2", "group_wait_seconds = 0.2"))

    assert simulated.told([alarm("x", "ALARM", 0.125)])[0] == ("00.325Z", "first", "x:firing")


def test_events_are_taken_in_the_order_in_which_they_arrive(simulated: Simulated) -> None:
    lines = [alarm("x", "OK", 3), alarm("x", "ALARM", 0)]

    assert [told[1] for told in simulated.told(lines)] == ["first", "all-resolved"]


def test_text_names_what_json_names(simulated: Simulated) -> None:
    _, out, _ = simulated.text([alarm("x", "ALARM", 0, grp="g"), alarm("x", "OK", 3)])

    assert f'{at(2)}  first  warning  to topics\n  group     root:{{grp="g"}}\n' in out
    assert f"  firing    x: x (warning) since {at(0)}\n" in out
    assert f"  resolved  x: x (warning) since {at(0)} until {at(3)}\n" in out


def test_labels_of_a_line_stay_with_their_source_and_a_severity_counts(simulated: Simulated) -> None:
    [told, ended] = simulated([alarm("x", "ALARM", 0, severity="critical", grp="g"), alarm("x", "OK", 3)])

    assert (told["severity"], told["alerts"][0]["severity"]) == ("critical", "critical")
    assert ended["group"] == told["group"]


def test_a_silence_in_the_file_is_tried_and_its_end_tells(simulated: Simulated) -> None:
    silence = {"id": "s1", "matchers": ['grp="g"'], "duration": "1h", "comment": "deploy"}
    lines = [
        {"at": at(0), "silence": silence},
        alarm("x", "ALARM", 0.5, grp="g"),
        alarm("y", "ALARM", 0.5, grp="other"),
        {"at": at(9), "expire": "s1"},
    ]

    assert simulated.told(lines, "--until", at(12)) == [
        ("02.500Z", "first", "y:firing"),
        ("10.500Z", "first", "x:firing"),
    ]


def test_where_nobody_was_told_can_be_asked_for_with_the_reason(simulated: Simulated) -> None:
    silence = {"matchers": ['grp="g"'], "duration": "1h"}
    lines = [{"at": at(0), "silence": silence}, alarm("x", "ALARM", 0, grp="g"), alarm("y", "ALARM", 0, grp="b")]
    lines.append(alarm("y", "OK", 1))

    held = [(told["at"], told["reason"], told["group"]) for told in simulated(lines, "--decisions")]
    _, out, _ = simulated.text(lines, "--decisions")

    assert sorted(held) == [(at(2), "brief", 'root:{grp="b"}'), (at(2), "silenced", 'root:{grp="g"}')]
    assert f"{at(2)}  silenced: topics is not told\n" in out
    assert simulated(lines) == []


def test_an_alert_as_alertmanager_takes_it_tries_routes_with_labels_alone(simulated: Simulated) -> None:
    labels = {"alertname": "Down", "grp": "g", "severity": "critical"}
    lines = [
        {"at": at(0), "event": {"labels": labels, "annotations": {"summary": "it is down"}}},
        {"at": at(3), "event": {"labels": labels, "startsAt": at(0), "endsAt": at(3)}},
    ]

    told = simulated(lines)

    assert [one["reason"] for one in told] == ["first", "all-resolved"]
    assert told[0]["alerts"][0]["labels"]["alertname"] == "Down"
    assert told[0]["severity"] == "critical"


def test_flapping_and_the_storm_guard_can_be_switched_off(simulated: Simulated) -> None:
    flapping = [alarm("x", "ALARM" if number % 2 == 0 else "OK", 60 * number) for number in range(30)]
    storm = [alarm(f"a{number}", "ALARM", 0, grp=str(number)) for number in range(40)]

    def edges(*options: str) -> int:
        return sum(told["reason"] in {"first", "all-resolved"} for told in simulated(flapping, *options))

    assert edges("--no-flapping") == 30
    assert edges() < 10
    assert len(simulated(storm)) == 20
    assert len(simulated(storm, "--no-storm")) == 40


def test_critical_joiners_can_wait_as_alertmanager_has_them(simulated: Simulated) -> None:
    simulated.config.write_text(CONFIG.replace("group_interval_seconds = 4", "group_interval_seconds = 60"))
    lines = [alarm("x", "ALARM", 0, grp="g"), alarm("y", "ALARM", 10, grp="g", severity="critical")]

    assert simulated.told(lines)[1][0] == "12.000Z"
    assert simulated.told(lines, "--no-critical-joiners")[1][0] == "02.000Z"


def test_alarms_of_the_configuration_have_its_facts(simulated: Simulated) -> None:
    [told] = simulated([alarm("mlwarden-test-ranker-Unhealthy", "ALARM", 0)])

    labels = told["alerts"][0]["labels"]
    assert (labels["kind"], labels["subject"], labels["team"]) == ("endpoint", "ranker", "ml")


def test_what_is_not_about_a_fault_is_named(simulated: Simulated) -> None:
    beat = {"at": at(0), "event": {"source": "mlwarden", "detail-type": "mlwarden heartbeat"}}

    _, out, _ = simulated.text([beat, alarm("x", "ALARM", 1)])

    assert "line 1 is not about a fault" in out


def test_it_reads_standard_input(simulated: Simulated, monkeypatch: Any, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(alarm("x", "ALARM", 0))))

    assert main(["incidents", "simulate", "-", "--config", str(simulated.config)]) == 0
    assert "1 notification until" in capsys.readouterr().out


BROKEN = alarm("x", "ALARM", 0)
BROKEN["event"]["detail"].pop("alarmName")
NO_MATCHERS = {"duration": "1h"}


@pytest.mark.parametrize(
    "line,said",
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ({"event": {}}, "at: missing"),
        ({"at": "noon", "event": {}}, "at: 'noon' is not an instant"),
        ({"at": at(0)}, "event: one of event, silence and expire is needed, none is there"),
        ({"at": at(0), "event": {}, "expire": "s"}, "event and expire is there"),
        ({"at": at(0), "event": 5}, "event: a JSON object is needed"),
        ({"at": at(0), "event": {}, "label": {}}, "label: unknown"),
        ({**alarm("x", "ALARM", 0), "labels": {"a": 1}}, "labels: an object of texts is needed"),
        ({**alarm("x", "ALARM", 0), "labels": {"severity": "page"}}, "labels.severity: 'page' is none of"),
        (BROKEN, "event.detail.alarmName"),
        ({"at": at(0), "silence": NO_MATCHERS}, "silence.matchers: a list of texts"),
        ({"at": at(0), "silence": {"matchers": ["grp"], "duration": "1h"}}, "silence.matchers: 'grp'"),
        ({"at": at(0), "silence": {"matchers": ['grp=""'], "duration": "1h"}}, "would silence everything"),
        ({"at": at(0), "silence": {"matchers": ['a="b"']}}, "silence.ends_at: either ends_at or duration"),
        ({"at": at(0), "silence": {"matchers": ['a="b"'], "duration": "soon"}}, "silence.duration: 'soon'"),
        ({"at": at(0), "silence": {"matchers": ['a="b"'], "until": "x"}}, "silence.until: unknown"),
        ({"at": at(0), "expire": 5}, "expire: a silence's id is needed"),
        ({"at": at(0), "event": {"labels": {"a": "b"}, "endsAt": "x"}}, "event.endsAt: 'x' is not an instant"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_file_number_and_key(
    simulated: Simulated, line: Any, said: str
) -> None:
    status, out, err = simulated.text([alarm("x", "ALARM", 0), "", line])

    assert (status, out) == (1, "")
    assert err.startswith(f"mlwarden: {simulated.events}, line 3: ")
    assert said in err
    assert len(err.splitlines()) == 1


def test_a_silence_that_is_not_there_cannot_be_expired(simulated: Simulated) -> None:
    status, _, err = simulated.text([{"at": at(0), "expire": "s9"}])

    assert (status, err) == (1, f"mlwarden: expire s9 at {at(0)}: there is none\n")


def test_a_file_without_events_or_that_is_not_there_is_an_error(simulated: Simulated, tmp_path: Path) -> None:
    assert "has no events" in simulated.text([""])[2]
    assert main(["incidents", "simulate", str(tmp_path / "none"), "--config", str(simulated.config)]) == 1
