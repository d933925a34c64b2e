"""Who is measured beside the agent, with the same job where it can be asked for: a sample each second."""

import importlib.util
import os
import shutil
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parents[1]
GPUS = 8
VALUES, MOST_VALUES = 26, 48
"""That the agent reads of a fake GPU."""
MLFLOW = """
    import sys, time, mlflow
    mlflow.set_tracking_uri("file://" + sys.argv[1] + "/runs")
    mlflow.enable_system_metrics_logging()
    mlflow.set_system_metrics_sampling_interval(1)
    mlflow.set_system_metrics_samples_before_logging(60)
    with mlflow.start_run():
        time.sleep(3600)
"""
COLLECTD = """
    BaseDir "{folder}"
    PIDFile "{folder}/pid"
    Interval 1
    LoadPlugin cpu
    LoadPlugin load
    LoadPlugin memory
    LoadPlugin swap
    LoadPlugin df
    LoadPlugin disk
    LoadPlugin interface
    LoadPlugin processes
    LoadPlugin tcpconns
    LoadPlugin csv
    <Plugin csv>
      DataDir "{folder}/csv"
    </Plugin>
"""
NETDATA = """
    [global]
      run as user = {user}
    [db]
      mode = ram
      update every = 1
    [directories]
      cache = {folder}
      lib = {folder}
      log = {folder}
      lock = {folder}
      home = {folder}
    [web]
      bind to = 127.0.0.1
      default port = {port}
    [ml]
      enabled = no
"""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way of doing the job. `does` says how much of it; `each_second` is what makes it look at all."""

    name: str
    does: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    each_second: Callable[[], None] | None = None
    missing: str = ""
    """Why it cannot be measured here."""

    @property
    def key(self) -> str:
        """What it signs with, so that its requests can be told."""
        return self.name.replace(" ", "-").replace(",", "").replace("+", "and")


def ours(folder: Path) -> list[Contender]:
    """The agent: a host's, with GPUs, and with GPUs at a longer interval."""
    whole = "samples, folds, spools, signs, sends through TLS"
    run = (sys.executable, "-m", "agent", "run")
    return [
        Contender("agent", whole, run, _settings(folder, "host", sample_seconds=1)),
        _of_gpus(folder, VALUES, whole),
        _of_gpus(folder, VALUES, whole, seconds=15),
        _of_gpus(folder, MOST_VALUES, whole),
    ]


def _of_gpus(folder: Path, values: int, does: str, *, seconds: int = 1) -> Contender:
    name = f"agent, {GPUS} GPUs of {values} values" + (f", {seconds} s" if seconds > 1 else "")
    command = (sys.executable, "-m", "benchmarks.fake_gpus", str(GPUS), str(values), "run")
    return Contender(name, does, command, _settings(folder, f"gpus-{values}-{seconds}", sample_seconds=seconds))


def rivals(folder: Path, tools: Path | None, ports: Callable[[], int]) -> list[Contender]:
    """The others, found on the path or in the folder of tools."""
    return [
        _idle(),
        _loop(),
        _node_exporter(tools, ports()),
        _collectd(folder / "collectd", tools),
        _netdata(folder / "netdata", tools, ports()),
        _glances(tools),
        _mlflow(folder / "mlflow", tools),
        _nvitop(tools),
    ]


def find(program: str, tools: Path | None) -> str | None:
    """Where the program is: in the folder of tools first, then where Debian and the user have theirs."""
    path = os.pathsep.join([str(tools)] * (tools is not None) + [os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    return shutil.which(program, path=path)


def _settings(folder: Path, name: str, **keys: object) -> dict[str, str]:
    settings = {"host": name, "state_dir": str(folder / name), **keys}
    return {"MLWARDEN_AGENT_CONFIG": msgspec.json.encode(settings).decode()}


def _idle() -> Contender:
    """What this machine takes for waking up: a virtual one may take more than the work that follows."""
    command = (sys.executable, "-I", "-S", "-c", "import time\nwhile True: time.sleep(1)")
    return Contender("an idle Python", "wakes each second, does nothing", command)


def _loop() -> Contender:
    name, does = "psutil + boto3 loop", "samples, folds, signs, sends through TLS; keeps nothing"
    if importlib.util.find_spec("psutil") is None:
        return Contender(name, does, missing="psutil is not installed")
    return Contender(name, does, (sys.executable, "-m", "benchmarks.psutil_boto3"))


def _node_exporter(tools: Path | None, port: int) -> Contender:
    name, does = "node_exporter", "samples when it is asked, here each second; sends nothing"
    program = find("prometheus-node-exporter", tools) or find("node_exporter", tools)
    if program is None:
        return Contender(name, does, missing="not installed")
    url = f"http://127.0.0.1:{port}/metrics"
    return Contender(name, does, (program, f"--web.listen-address=127.0.0.1:{port}"), each_second=lambda: _read(url))


def _collectd(folder: Path, tools: Path | None) -> Contender:
    name, does = "collectd", "samples, appends to files"
    program = find("collectd", tools)
    if program is None:
        return Contender(name, does, missing="not installed")
    folder.mkdir()
    (folder / "conf").write_text(textwrap.dedent(COLLECTD).format(folder=folder))
    return Contender(name, does, (program, "-f", "-C", str(folder / "conf")))


def _netdata(folder: Path, tools: Path | None, port: int) -> Contender:
    name, does = "netdata", "samples, keeps an hour in memory, with Debian's plugins"
    program = find("netdata", tools)
    if program is None:
        return Contender(name, does, missing="not installed")
    folder.mkdir()
    user = os.environ.get("USER") or "root"
    (folder / "conf").write_text(textwrap.dedent(NETDATA).format(folder=folder, user=user, port=port))
    return Contender(name, does, (program, "-D", "-c", str(folder / "conf"), "-P", str(folder / "pid")))


def _glances(tools: Path | None) -> Contender:
    name, does = "glances", "samples, appends to a file"
    program = find("glances", tools)
    if program is None:
        return Contender(name, does, missing="not installed")
    command = (program, "--quiet", "--time", "1", "--export", "csv", "--export-csv-file", os.devnull)
    return Contender(name, does, command)


def _mlflow(folder: Path, tools: Path | None) -> Contender:
    name, does = "mlflow system metrics", "samples, folds, writes to files"
    program = find("mlflow", tools)
    python = Path(program).parent / "python" if program else None
    if python is None or not python.exists():
        return Contender(name, does, missing="not installed")
    folder.mkdir()
    environment = {"MLFLOW_ALLOW_FILE_STORE": "true"}
    return Contender(name, does, (str(python), "-c", textwrap.dedent(MLFLOW), str(folder)), environment)


def _nvitop(tools: Path | None) -> Contender:
    name, does = "nvitop-exporter", "samples GPUs when it is asked"
    if find("nvitop-exporter", tools) is None:
        return Contender(name, does, missing="not installed")
    if not Path("/proc/driver/nvidia/version").exists():
        return Contender(name, does, missing="installed; does not start without NVIDIA's driver")
    return Contender(name, does, (str(find("nvitop-exporter", tools)),))


def _read(url: str) -> None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  the loopback
            answer.read()
    except (urllib.error.URLError, OSError):
        return
