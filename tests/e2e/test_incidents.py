"""`mlwarden incidents` and what messages lead to, on one deployment: list, show, silence, replay, page, graph."""

import contextlib
import dataclasses
import http.server
import io
import json
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cli.__main__ import main
from core.config import Config, load
from local.viewer import app, data
from stacks.packaging import ROOT
from stacks.synth import synth
from tests.e2e.deployed import START, Deployed, deployed_at, subjects

SECRET = "/mlwarden/slack"
CHAT = (
    'receivers = [{name = "chat", channels = '
    f'[{{kind = "slack", secret = "ssm:{SECRET}", private_networks = ["127.0.0.1"]}}]}}]'
)
ROUTES = """routes = [{matchers = ['subject="embedder"'], receiver = "chat"}]"""


@dataclass
class Slack:
    """An incoming webhook on loopback: `status` is what it answers, `posts` what it took."""

    url: str = ""
    status: int = 200
    posts: list[dict[str, Any]] = field(default_factory=list)

    def texts(self) -> list[str]:
        """How what it took begins: `CRITICAL embedder`."""
        return [str(post["text"]).split(":")[0] for post in self.posts]

    def link(self, part: str) -> str:
        """The address in the newest message that holds `part`."""
        found: set[str] = set(re.findall(r"<(http[^|>]+)\|", "\n".join(_texts(self.posts[-1]))))
        (address,) = (one.replace("&amp;", "&") for one in found if part in one)
        return address


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


@contextlib.contextmanager
def slack() -> Iterator[Slack]:
    """Serve a webhook until the end."""
    chat = Slack()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if chat.status == 200:
                chat.posts.append(body)
            self.send_response(chat.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name
            """Say nothing."""

    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=serving.serve_forever, args=(0.05,))
    thread.start()
    chat.url = f"http://127.0.0.1:{serving.server_port}/services/T0/B0/x"
    try:
        yield chat
    finally:
        serving.shutdown()
        thread.join()
        serving.server_close()


@dataclass(frozen=True)
class Site:
    """The deployment with its chat, which hears of `embedder` alone."""

    deployed: Deployed
    chat: Slack

    def incidents(self, *arguments: str) -> Any:
        """What a command of `mlwarden incidents` prints as JSON."""
        here = ("--stage", self.deployed.config.deployment.stage, "--endpoint-url", self.deployed.world.url)
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            status = main(["incidents", *arguments, "--json", *here])
        assert status == 0
        return json.loads(said.getvalue())

    def running(self, subject: str) -> list[dict[str, Any]]:
        """The open incidents of an endpoint."""
        return [one for one in self.incidents("list") if one["subject"] == f"endpoint/{subject}"]

    def trail(self, incident: str) -> list[dict[str, Any]]:
        """All that `show` tells of an incident."""
        entries: list[dict[str, Any]] = self.incidents("show", incident)["trail"]
        return entries

    def mailed(self, subject: str) -> list[str]:
        """The kinds of the mails about a subject: `[CRITICAL]`."""
        return [text.split()[0] for text in subjects(self.deployed.messages()) if f" {subject}:" in text]

    def settle(self) -> None:
        """End what this test began: silences and the chat's incident."""
        self.chat.status = 200
        for silence in self.incidents("silence", "list"):
            self.incidents("silence", "expire", silence["id"])
        self.deployed.set_alarm("embedder", "Unhealthy", "OK")
        self.deployed.advance(minutes=6)
        assert self.running("embedder") == []


def fetch(url: str, form: dict[str, str] | None = None) -> tuple[int, bytes]:
    """GET, or POST of a form; status and body."""
    data = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(url, data, timeout=10) as answer:  # noqa: S310  # loopback
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


@pytest.fixture(scope="module")
def config() -> Config:
    """config/default.toml with a chat and the actions page; these tests fire one alarm again and again."""
    text = (ROOT / "config" / "default.toml").read_text()
    for before, after in (
        ("actions_page = false", "actions_page = true"),
        ("flapping = true", "flapping = false"),
        ("receivers = []", CHAT),
        ("routes = []", ROUTES),
    ):
        assert text.count(before) == 1
        text = text.replace(before, after)
    return load(text)


@pytest.fixture(scope="module")
def site(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One deployment for all tests here: each ends what it begins."""
    assembly: Path = synth(config, tmp_path_factory.mktemp("incidents") / "cdk.out")
    with slack() as chat, deployed_at(START, assembly, config) as deployed:
        deployed.aws.get("ssm").put_parameter(Name=SECRET, Value=chat.url, Type="SecureString")
        deployed.advance(minutes=2)
        yield Site(deployed, chat)


@pytest.fixture
def paged(site: Site, request: pytest.FixtureRequest) -> Iterator[Site]:
    """`embedder` fires, and the chat answered 200 or the test's parameter; over in the end."""
    site.chat.posts.clear()
    site.chat.status = getattr(request, "param", 200)
    site.deployed.set_alarm("embedder", "Unhealthy")
    site.deployed.advance(seconds=45)
    yield site
    site.settle()


def test_a_fired_alarm_is_told_listed_and_shown_with_all_that_happened(paged: Site) -> None:
    (found,) = paged.running("embedder")

    happened = [(entry["kind"], entry["what"]) for entry in paged.trail(found["incident"])]

    assert paged.chat.texts() == ["CRITICAL embedder"]
    assert (found["severity"], found["receiver"], found["firing"], found["last"]) == ("critical", "chat", 1, "first")
    assert happened == [
        ("event", f"{paged.deployed.alarm('embedder', 'Unhealthy')} ALARM: fired"),
        ("event", f"{paged.deployed.alarm('embedder', 'UnroutedCritical')} ALARM: fired"),
        ("investigation", "no cause determined"),
        ("message", "first to chat"),
        ("delivery", "chat by slack: sent"),
    ]


def test_while_a_group_is_silenced_its_end_is_not_told_and_the_audit_says_why(paged: Site) -> None:
    (found,) = paged.running("embedder")

    (made,) = paged.incidents("silence", "create", 'subject="embedder"', "--comment", "deploy", "--author", "ada")
    paged.deployed.set_alarm("embedder", "Unhealthy", "OK")
    paged.deployed.advance(minutes=6)

    assert paged.chat.texts() == ["CRITICAL embedder"]
    assert [each["id"] for each in paged.incidents("silence", "list")] == [made["id"]]
    trail = paged.trail(found["incident"])
    assert "nothing sent: silenced" in [entry["what"] for entry in trail if entry["kind"] == "decision"]
    (action,) = [entry for entry in trail if entry["kind"] == "action"]
    assert (action["by"], action["why"], made["id"] in action["what"]) == ("ada", "deploy", True)


def test_a_silence_that_is_ended_early_lets_the_message_out(site: Site) -> None:
    (made,) = site.incidents("silence", "create", 'subject="ranker"', "--comment", "deploy")
    site.deployed.set_alarm("ranker", "Unhealthy")
    site.deployed.advance(minutes=3)
    held = site.mailed("ranker")

    site.incidents("silence", "expire", made["id"])
    site.deployed.advance(minutes=5)

    assert (held, site.mailed("ranker")) == ([], ["[CRITICAL]"])


@pytest.mark.parametrize("paged", [404], indirect=True)
def test_what_a_mended_channel_refused_is_sent_once_and_what_stood_in_for_it_not_again(paged: Site) -> None:
    refused, instead = paged.chat.texts(), paged.mailed("embedder")

    paged.chat.status = 200
    waiting = paged.incidents("replay", "--dry-run", "--refused")
    for _ in range(2):
        paged.incidents("replay", "--refused")
        paged.deployed.advance(minutes=2)

    assert (refused, instead) == ([], ["[CRITICAL]"])
    assert (waiting["dead_letters"]["notifications"], waiting["deliveries"]) == (1, 1)
    assert (paged.chat.texts(), paged.mailed("embedder")) == (["CRITICAL embedder"], ["[CRITICAL]"])
    assert paged.deployed.depth("NotificationsDeadLetters") == 0


def test_events_that_a_broken_router_left_behind_page_once_after_its_repair(site: Site) -> None:
    """Without the sweep, which would find the alarm by itself."""
    deployed, events = site.deployed, site.deployed.aws.get("events")
    functions = deployed.world.functions
    router = functions.get(deployed.physical("RouterFunction"))
    without = {name: value for name, value in router.environment.items() if name != "MLWARDEN_TABLE"}
    for rule in ("Heartbeat", "Sweep"):
        events.disable_rule(Name=deployed.physical(rule))
    functions.replace(dataclasses.replace(router, environment=without))
    site.chat.posts.clear()
    deployed.set_alarm("embedder", "Unhealthy")
    deployed.advance(minutes=20)
    functions.replace(router)
    deployed.advance(minutes=4)  # what was in flight is handled, or a dead letter too
    before = site.running("embedder")

    replayed = site.incidents("replay")
    deployed.advance(minutes=2)
    again = site.incidents("replay")
    deployed.advance(minutes=2)

    for rule in ("Heartbeat", "Sweep"):
        events.enable_rule(Name=deployed.physical(rule))
    assert before == []
    assert (replayed["dead_letters"]["events"] > 0, again["dead_letters"]["events"]) == (True, 0)
    assert site.chat.texts() == ["CRITICAL embedder"]
    site.settle()
    assert [text.split()[0] for text in site.chat.texts()] == ["CRITICAL", "RESOLVED"]


def test_the_page_of_a_messages_link_only_shows_until_its_button_is_pressed_and_that_works_once(paged: Site) -> None:
    link = paged.chat.link("act=silence")
    opened = [fetch(link) for _ in range(3)]
    before = paged.incidents("silence", "list")
    nonce = re.search(r'name="nonce" value="([^"]+)"', opened[-1][1].decode())
    assert nonce is not None

    pressed, again = (fetch(link, {"nonce": nonce[1], "by": "ada"})[0] for _ in range(2))

    (made,), (found,) = paged.incidents("silence", "list"), paged.running("embedder")
    assert ([status for status, _ in opened], before) == ([200, 200, 200], [])
    assert (pressed, again) == (200, 409)
    assert made["matchers"] == ['kind="endpoint"', 'subject="embedder"']
    assert [entry["by"] for entry in paged.trail(found["incident"]) if entry["kind"] == "action"] == ["ada"]


def test_a_chat_gets_the_alarms_graph_at_an_address_that_ends_within_the_hour(site: Site) -> None:
    widget = {"metrics": [["AWS/SageMaker", "Invocations"]]}  # what draws is slow to load
    site.deployed.aws.get("cloudwatch").get_metric_widget_image(MetricWidget=json.dumps(widget))
    site.chat.posts.clear()
    site.deployed.advance(seconds=61 - site.deployed.world.clock.now().second)
    site.deployed.set_alarm("embedder", "HighErrorRate")
    site.deployed.set_alarm("embedder", "Unhealthy")
    site.deployed.advance(seconds=35)

    (image,) = [block for block in site.chat.posts[0]["blocks"] if block["type"] == "image"]
    status, png = fetch(image["image_url"])
    site.settle()

    query = urllib.parse.parse_qs(urllib.parse.urlsplit(image["image_url"]).query)
    assert (status, png[:8]) == (200, b"\x89PNG\r\n\x1a\n")
    assert 0 < int(query["X-Amz-Expires"][0]) < 3600


def test_the_fleets_dashboard_shows_what_runs_by_the_deployments_own_widget(paged: Site) -> None:
    world = paged.deployed.world
    board = next(name for name in data.dashboard_names(world) if name.endswith("-fleet"))
    widgets = data.dashboard(world, board)["widgets"]
    (number,) = (number for number, widget in enumerate(widgets) if widget["type"] == "custom")

    shown = app.application(world).test_client().get(f"/api/dashboards/{board}/widgets/{number}").json

    (found,) = paged.running("embedder")
    assert shown is not None
    assert shown["error"] == ""
    for told in (found["incident"], "endpoint/embedder", "ml-platform", "not determined"):
        assert told in shown["html"]


def test_no_role_was_refused_anything_on_the_way(paged: Site) -> None:
    refused = [f"{used.role} {used.action}" for used in paged.deployed.world.access.usage if not used.allowed]

    assert refused == []
