"""docs/install-agent.md, followed command by command in a clean folder, with the folders of root under it."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.config import load
from stacks import packaging
from tests.agent.fakes import Loopback, Request, loopback

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "install-agent.md").read_text(encoding="utf-8")
ARCHIVE = ".venv/bin/python -m stacks.packaging build/mlwarden-agent"
BY_HAND = re.compile(r"(aws|docker|kubectl|uv|journalctl|sudo systemctl|sudo rm) ")
"""What addresses an account, a daemon, a cluster or a registry; the tests below hold what these commands name."""


def commands(section: str) -> list[str]:
    """The commands of a section, in order."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    assert text, f"no section {section}"
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def answer(request: Request) -> tuple[int, dict[str, Any]]:
    """CloudWatch, which refuses what doctor sends for its age alone."""
    if b"agent_doctor" in request.body:
        return 400, {"__type": "InvalidParameterValue", "message": "too old"}
    return 200, {}


class Host:
    """A clean folder to follow the page in."""

    def __init__(self, folder: Path, aws: Loopback) -> None:
        self.folder = folder
        self.root = folder / "root"
        # What requirements.txt pins is installed here already, so that pip needs no registry: it checks the versions.
        self.environment: Mapping[str, str] = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "PYTHONPATH": sysconfig.get_path("purelib"),
            "PIP_NO_INDEX": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "STATE_DIRECTORY": str(self.root / "var/lib/mlwarden-agent"),
        }

    def follow(self, command: str) -> str:
        """Run a command of the page; what it printed."""
        done = subprocess.run(
            ["bash", "-c", self.here(command)],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def here(self, command: str) -> str:
        """With root's folders under this one, by whoever runs the test."""
        return re.sub(r"(?<= )/(opt|etc)/", rf"{self.root}/\1/", f" {command.removeprefix('sudo ')}").strip()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("host")
    assert packaging.main([str(folder)]) == 0
    (folder / "agent.toml").write_text(re.findall(r"```toml\n# agent.toml\n(.*?)```", PAGE, re.DOTALL)[0])
    with loopback(answer) as aws:
        yield Host(folder, aws)


def test_every_command_is_followed_or_known_to_be_of_another_machine() -> None:
    followed = {ARCHIVE, *commands("Look first"), *commands("Under systemd"), *commands("As a tool of one user")}
    everything = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)

    assert [] == [command for command in everything if command not in followed and not BY_HAND.match(command)]


@pytest.mark.slow
def test_looking_first_works_as_it_stands(host: Host) -> None:
    said = [host.follow(command) for command in commands("Look first")]

    metrics = {json.loads(line)["metric"] for line in said[3].splitlines()}
    assert {"agent_heartbeat", "cpu_usage_active", "mem_used_percent", "disk_used_percent"} <= metrics
    assert "tier standard" in said[4]
    assert said[5].startswith("configuration is valid")
    assert said[6].endswith("nothing is wrong\n")


@pytest.mark.slow
def test_what_is_installed_for_systemd_runs_as_the_unit_runs_it(host: Host) -> None:
    for command in commands("Under systemd"):
        if not BY_HAND.match(command):
            host.follow(command)
    unit = (host.root / "etc/systemd/system/mlwarden-agent.service").read_text()
    [start] = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)

    process = subprocess.Popen(
        shlex.split(host.here(f" {start}")),
        cwd=host.folder,
        env=dict(host.environment),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    lines = iter(process.stderr.readline, "")
    started = any("first samples taken" in line for line in lines)
    process.send_signal(signal.SIGTERM)
    rest = process.communicate(timeout=30)[1]

    assert started
    assert 0 == process.returncode
    assert "windows_waiting=0" in rest
    assert (host.root / "var/lib/mlwarden-agent/spool.db").exists()


def test_the_wheel_that_uv_is_given_is_the_archives_and_has_the_command(host: Host) -> None:
    install, run = commands("As a tool of one user")

    assert (host.folder / install.split()[-1]).is_file()
    assert "run --config agent.toml" in run
    assert {"mlwarden-agent.service", "requirements.txt", "agent.toml"} <= {one.name for one in host.folder.iterdir()}


def test_systemctl_is_told_the_units_name_and_what_is_removed_was_installed(host: Host) -> None:
    told = [command for command in commands("Under systemd") if "systemctl" in command and "reload" not in command]
    [removed] = [command for command in commands("Under systemd") if command.startswith("sudo rm")]

    assert all(command.endswith(" mlwarden-agent") for command in told)
    for path in shlex.split(removed)[3:]:
        assert path.startswith(("/var/lib/private/", "/opt/", "/etc/"))
        assert path.startswith("/var/") or f" {path}" in "\n".join(commands("Under systemd"))


def test_the_container_is_given_what_the_agent_accepts() -> None:
    build, run = commands("As a container")
    environment = shlex.split(run)[shlex.split(run).index("--env") + 1]
    settings = json.loads(environment.partition("=")[2])
    mounts = [volume.split(":")[1] for volume in re.findall(r"--volume (\S+)", run)]

    assert (ROOT / shlex.split(build)[3]).is_file()
    assert shlex.split(build)[-1] == ARCHIVE.split()[-1]
    assert load(json.dumps(settings | {"proc_root": "/proc", "sys_root": "/sys"})).region == "eu-west-1"
    assert {"/var/lib/mlwarden-agent", settings["proc_root"], settings["sys_root"]} == set(mounts)


def test_kubectl_is_given_what_is_there() -> None:
    apply, status = commands("On Kubernetes")
    folder = ROOT / apply.split()[-1]
    kinds = {
        (one["kind"].lower(), one["metadata"]["name"])
        for file in folder.glob("*.yaml")
        for one in yaml.safe_load_all(file.read_text())
        if "metadata" in one
    }

    assert (folder / "kustomization.yaml").is_file()
    assert tuple(status.split()[-1].split("/")) in kinds
    assert {("namespace", status.split()[2])} <= kinds
    for name in re.findall(r"`(mlwarden-agent-\w+)`", PAGE):
        assert ("serviceaccount", name) in kinds


def test_the_exposure_that_the_page_gives_is_systemds(host: Host) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    [given] = re.findall(r"`systemd-analyze security mlwarden-agent` gives it ([\d.]+)\.", PAGE)
    unit = host.folder / "mlwarden-agent.service"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert re.findall(r"Overall exposure level for mlwarden-agent.service: ([\d.]+)", done.stdout) == [given]
