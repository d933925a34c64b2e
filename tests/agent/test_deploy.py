"""What is shipped beside the code: held to the rules that it claims to keep."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from agent import config
from stacks import packaging

DEPLOY = Path(config.__file__).parent / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
UNIT = (DEPLOY / "mlwarden-agent.service").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
SCRIPTS = (DEPLOY / "sagemaker_lifecycle.sh", Path(packaging.__file__).parent / "install_agent.sh")


def documents():
    return [one for path in sorted(KUBERNETES.glob("*.yaml")) for one in yaml.safe_load_all(path.read_text()) if one]


def workloads():
    return {one["metadata"]["name"]: one for one in documents() if one["kind"] in {"DaemonSet", "Deployment"}}


@pytest.fixture(params=["mlwarden-agent-node", "mlwarden-agent-cluster"])
def pod(request):
    return workloads()[request.param]["spec"]["template"]["spec"]


def test_a_container_gains_nothing_and_writes_to_volumes_only(pod):
    [container] = pod["containers"]
    security = container["securityContext"]

    assert {"drop": ["ALL"]} == security["capabilities"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert "privileged" not in security
    assert {"type": "RuntimeDefault"} == security["seccompProfile"]
    assert "ports" not in container
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    assert {"/var/lib/mlwarden-agent", "/run/mlwarden"} == writable


def test_a_container_has_requests_a_memory_limit_and_no_cpu_quota(pod):
    [container] = pod["containers"]

    assert {"cpu", "memory"} == set(container["resources"]["requests"])
    assert {"memory"} == set(container["resources"]["limits"])


def test_every_mount_has_its_volume(pod):
    [container] = pod["containers"]

    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_the_node_agent_is_uid_0_without_the_hosts_processes_or_ipc_and_the_clusters_is_not_root():
    node, cluster = (workloads()[f"mlwarden-agent-{mode}"]["spec"]["template"]["spec"] for mode in ("node", "cluster"))

    assert 0 == node["containers"][0]["securityContext"]["runAsUser"]
    assert not {"hostPID", "hostIPC"} & set(node)
    assert cluster["containers"][0]["securityContext"]["runAsNonRoot"] is True
    assert not {"hostPID", "hostIPC", "hostNetwork"} & set(cluster)
    assert not [volume for volume in cluster["volumes"] if "hostPath" in volume]


def test_no_role_may_do_more_than_read_and_none_has_nodes_proxy():
    rules = [rule for one in documents() if one["kind"] == "ClusterRole" for rule in one["rules"]]
    resources = {resource for rule in rules for resource in rule["resources"]}

    assert {"get", "list"} == {verb for rule in rules for verb in rule["verbs"]}
    assert "nodes/metrics" in resources
    assert not {"nodes/proxy", "pods/exec", "secrets", "*"} & resources


def test_every_role_is_bound_to_its_own_account_in_the_kustomizations_namespace():
    accounts = {one["metadata"]["name"] for one in documents() if one["kind"] == "ServiceAccount"}
    namespace = next(one for one in documents() if one["kind"] == "Kustomization")["namespace"]
    bindings = [one for one in documents() if one["kind"] == "ClusterRoleBinding"]

    assert accounts == {one["roleRef"]["name"] for one in bindings}
    for one in bindings:
        assert [{"kind": "ServiceAccount", "name": one["roleRef"]["name"], "namespace": namespace}] == one["subjects"]


@pytest.mark.parametrize("mode", ["node", "cluster"])
def test_the_kubernetes_configurations_are_valid_and_touch_the_file_that_is_probed(mode):
    text = (KUBERNETES / f"{mode}.toml").read_text().replace("/host/proc", "/proc").replace("/host/sys", "/sys")
    [container] = workloads()[f"mlwarden-agent-{mode}"]["spec"]["template"]["spec"]["containers"]

    loaded = config.load(text)

    assert mode == loaded.kubernetes
    assert "kubernetes" in loaded.collectors
    assert loaded.health_file in container["livenessProbe"]["exec"]["command"][-1]
    kustomized = next(one for one in documents() if one["kind"] == "Kustomization")
    generated = {one["name"]: one["files"] for one in kustomized["configMapGenerator"]}
    assert [f"agent.toml={mode}.toml"] == generated[f"mlwarden-agent-{mode}"]


def test_the_image_is_not_root_has_no_listener_and_needs_hashes():
    lines = re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines()
    words = [line.split() for line in lines if line and not line.startswith("#")]
    last_stage = words[max(n for n, line in enumerate(words) if line[0] == "FROM") :]

    assert ["USER", "65532:65532"] in last_stage
    assert not {"EXPOSE", "ADD", "VOLUME"} & {line[0] for line in words}
    assert not [line for line in last_stage if line[0] == "RUN"]
    assert ["ENTRYPOINT", '["mlwarden-agent"]'] in last_stage
    installs = [line for line in lines if line.startswith("RUN")]
    assert "--require-hashes" in installs[0]
    assert "curl" not in DOCKERFILE
    copied = {word for line in words if line[0] == "COPY" and "--from=build" not in line for word in line[1:-1]}
    assert {"requirements.txt", "mlwarden_agent-*.whl"} == copied


def test_the_image_is_made_of_what_the_archive_holds(tmp_path, capsys):
    assert 0 == packaging.main([str(tmp_path)])

    names = {Path(line).name for line in capsys.readouterr().out.splitlines()}
    assert names == {path.name for path in tmp_path.iterdir()}
    assert {"requirements.txt", "mlwarden-agent.service"} < names
    assert 1 == len(list(tmp_path.glob("mlwarden_agent-*.whl")))
    assert 2 == packaging.main([])


def unit(key):
    return re.findall(rf"^{key}=(.*)$", UNIT, re.MULTILINE)


def test_the_unit_is_watched_and_reloads():
    assert ["notify"] == unit("Type")
    assert ["/bin/kill -HUP $MAINPID"] == unit("ExecReload")
    # A sign of life comes with each round, the longest of which is a minute apart.
    assert int(unit("WatchdogSec")[0]) >= 2 * 60


def test_the_unit_gives_way_by_weight_and_names_no_group_that_a_host_may_lack():
    assert unit("CPUWeight")
    assert not unit("CPUQuota")
    assert not unit("SupplementaryGroups")
    assert [""] == unit("CapabilityBoundingSet")
    assert ["yes"] == unit("DynamicUser")


def allowed_calls(lines):
    """What the unit's filter lets through: the first line allows, later ones add or take away."""
    said = subprocess.run(["systemd-analyze", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    groups: dict[str, list[str]] = {}
    group: list[str] = []
    for line in re.sub(r"\x1b\[[\d;]*m", "", said).splitlines():
        if line.startswith("@"):
            group = groups.setdefault(line, [])
        elif line.strip() and not line.strip().startswith("#"):
            group.append(line.strip())

    def calls(word):
        return {call for inner in groups[word] for call in calls(inner)} if word.startswith("@") else {word}

    allowed: set[str] = set()
    for line in lines:
        named = {call for word in line.lstrip("~").split() for call in calls(word)}
        allowed = allowed - named if line.startswith("~") else allowed | named | calls("@default")
    return allowed


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_the_units_filter_refuses_nothing_that_the_collectors_call():
    allowed = allowed_calls(unit("SystemCallFilter"))
    # glibc and musl make adjtimex(3) of either call; the others are what files, disks, drivers and interfaces take.
    called = {"adjtimex", "clock_adjtime", "openat", "pread64", "getdents64", "statfs", "statx", "ioctl", "socket"}

    assert not {"settimeofday", "clock_settime", "mount", "reboot", "ptrace"} & allowed
    assert set() == called - allowed
    assert not unit("ProtectClock"), "it has a filter of its own, which refuses adjtimex"


@pytest.mark.skipif(not (shutil.which("systemd-analyze") and shutil.which("strace")), reason="needs systemd and strace")
def test_the_units_filter_refuses_nothing_that_a_whole_look_calls(tmp_path):
    look = [sys.executable, "-m", "agent", "--once", "--sink", "stdout"]
    traced = subprocess.run(
        ["strace", "-f", "-qq", "-o", str(tmp_path / "calls"), *look],
        cwd=DEPLOY.parents[1],
        capture_output=True,
        check=False,
    )
    if "ptrace" in traced.stderr.decode():
        pytest.skip("processes may not be traced here")
    called = set(re.findall(r"^\d+ +(\w+)\(", (tmp_path / "calls").read_text(), re.MULTILINE))

    assert {"openat", "statfs"} <= called
    assert set() == called - allowed_calls(unit("SystemCallFilter"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_valid_shell(script):
    checked = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)

    assert ("", 0) == (checked.stderr, checked.returncode)


def test_the_lifecycle_script_never_keeps_a_notebook_from_starting(tmp_path):
    text = SCRIPTS[0].read_text().replace("/opt/mlwarden-agent", str(tmp_path / "opt"))
    text = text.replace("/var/log/mlwarden-agent.log", str(tmp_path / "log"))
    path = "/nowhere"
    shells = {name: tmp_path / name for name in ("nohup", "bash", "mktemp", "rm")}
    for name, link in shells.items():
        link.symlink_to(f"/usr/bin/{name}")

    done = subprocess.run(
        ["/usr/bin/bash", "-c", text + "\n"],
        env={"PATH": f"{path}:{tmp_path}", "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )

    assert ("", 0) == (done.stderr, done.returncode)
