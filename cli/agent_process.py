"""The real agent as a process of its own, publishing this machine's metrics to the embedded AWS on its clock."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cli.agent_log import AgentLog
from cli.assembly import ROOT
from core.catalogue import host_alarms
from core.config import Config, Host
from local.clients import Clients
from local.world import World

ACCESS_KEY = "agent"
STOP_SECONDS = 10
LOOK_BACK = timedelta(hours=3)
GPU_METRICS = ("nvidia_smi_", "gpu_")
MUTED_HOURS = 1
"""Of virtual time: longer than a story, whose minutes last a second of this machine."""
HEARTBEAT_ALARM = "AgentSilent"
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


class AgentProcess:
    """Runs `python -m agent` with the configuration that the agent stack deployed; a context manager."""

    def __init__(self, world: World, config: Config) -> None:
        """The agent stack of `config` must be deployed."""
        self._world = world
        self._config = config
        self._folder = tempfile.TemporaryDirectory(prefix="mlwarden-agent-")
        self._process: subprocess.Popen[str] | None = None
        self._log: AgentLog | None = None
        self.simulated = not NVIDIA_DRIVER.exists()

    @property
    def description(self) -> str:
        """What it is and whose GPUs it shows."""
        gpus = "no NVIDIA driver here, so its GPUs are SIMULATED" if self.simulated else "real GPUs"
        return f"this machine's own metrics ({gpus}); a mute rule keeps its levels from paging during the story"

    def __enter__(self) -> Self:
        """Return once the agent has taken its first samples, in the present window of a clock that stands still."""
        use_host_role(self._world, self._config.deployment.stage, ACCESS_KEY)
        self._mute_levels()
        path = Path(self._folder.name) / "agent.json"
        path.write_text(json.dumps(self._settings()), encoding="utf-8")
        self._process = self._start(path)
        if self._process.stderr is None:
            raise AssertionError("the agent was started with a pipe")
        self._log = AgentLog(self._process.stderr)
        try:
            self._log.wait_until_sampling()
        except BaseException:
            self._stop()
            raise
        return self

    def _start(self, path: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "agent", "run", "--config", str(path)],
            cwd=ROOT,
            env={
                "PATH": os.environ.get("PATH", ""),
                "AWS_ACCESS_KEY_ID": ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": "agent",
                "AWS_REGION": self._world.region,
                "AWS_EC2_METADATA_DISABLED": "true",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._log is not None:
                self._log.join()
            if self._process.stderr is not None:
                self._process.stderr.close()
        self._folder.cleanup()

    def keep_up(self, instant: datetime) -> None:
        """Return once the clock may pass to `instant` without outrunning the agent, as AgentLog.wait_before has it."""
        if self._log is not None:
            self._log.wait_before(instant)

    def datapoints(self) -> list[dict[str, Any]]:
        """Every series the agent sent, with its last minute's statistics and how many minutes arrived."""
        with self._world.lock:
            listed = self._world.cloudwatch.handle("ListMetrics", {"Namespace": "CWAgent"})["Metrics"]
        return [found for metric in listed if (found := self._series(metric)) is not None]

    def _series(self, metric: dict[str, Any]) -> dict[str, Any] | None:
        now = self._world.clock.now()
        with self._world.lock:
            answer = self._world.cloudwatch.handle(
                "GetMetricStatistics",
                {
                    "Namespace": metric["Namespace"],
                    "MetricName": metric["MetricName"],
                    "Dimensions": metric["Dimensions"],
                    "StartTime": (now - LOOK_BACK).timestamp(),
                    "EndTime": now.timestamp(),
                    "Period": 60,
                    "Statistics": ["Average", "Maximum", "SampleCount"],
                },
            )
        points = sorted(answer["Datapoints"], key=lambda point: float(point["Timestamp"]))
        if not points:
            return None
        last = points[-1]
        return {
            "metric": metric["MetricName"],
            "dimensions": {one["Name"]: one["Value"] for one in metric["Dimensions"]},
            "minutes": len(points),
            "average": last["Average"],
            "maximum": last["Maximum"],
            "samples": last["SampleCount"],
            "unit": last["Unit"],
            "simulated": self.simulated and metric["MetricName"].startswith(GPU_METRICS),
        }

    @property
    def _host(self) -> Host | None:
        """The configured host that this machine plays."""
        return next((host for host in self._config.hosts if host.host), None)

    def _mute_levels(self) -> None:
        """Keep what this machine is short of during the story, minutes of which are seconds, from being told of.

        The heartbeat's alarm is not muted: that the agent reports is part of the story.
        """
        if self._host is None:
            return
        names = [alarm.name for alarm in host_alarms.alarms(self._config, self._host)]
        clients = Clients(url=self._world.url, region=self._world.region)
        try:
            clients.get("cloudwatch").put_alarm_mute_rule(
                Name=f"mlwarden-{self._config.deployment.stage}-story",
                Description="a minute of the demo is a second of this machine, too short for its levels to mean much",
                Rule={
                    "Schedule": {
                        "Expression": f"at({self._world.clock.now():%Y-%m-%dT%H:%M})",
                        "Duration": f"PT{MUTED_HOURS}H",
                    }
                },
                MuteTargets={"AlarmNames": [name for name in names if not name.endswith(f"-{HEARTBEAT_ALARM}")]},
            )
        finally:
            clients.close()

    def _settings(self) -> dict[str, Any]:
        """The deployed parameter, with what only a laptop needs: where AWS is, whose clock, which host."""
        name = f"/mlwarden/{self._config.deployment.stage}/agent"
        clients = Clients(url=self._world.url, region=self._world.region)
        deployed: dict[str, Any] = json.loads(clients.get("ssm").get_parameter(Name=name)["Parameter"]["Value"])
        clients.close()
        return deployed | {
            "endpoint_url": self._world.url,
            "clock_url": self._world.url,
            "region": self._world.region,
            "host": self._host.host if self._host else "laptop",
            "gpu": "simulated" if self.simulated else "auto",
            "state_dir": self._folder.name,
        }


def use_host_role(world: World, stage: str, access_key: str) -> str:
    """Hold the calls made with `access_key` against the role that the agent stack gives to hosts; the role's ARN."""
    clients = Clients(url=world.url, region=world.region)
    try:
        answer = clients.get("cloudformation").describe_stack_resources(StackName=f"mlwarden-{stage}-agent")
        roles = [each for each in answer["StackResources"] if each["ResourceType"] == "AWS::IAM::Role"]
        name = str(roles[0]["PhysicalResourceId"])
        arn = str(clients.get("iam").get_role(RoleName=name)["Role"]["Arn"])
    finally:
        clients.close()
    world.access.register(access_key, arn, session="i-0123456789abcdef0")
    return arn
