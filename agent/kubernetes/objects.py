"""Kubernetes' objects, as much of them as becomes metrics.

Source: kubernetes.io, "Kubernetes API": Pod v1, Node v1, Deployment and StatefulSet v1 of apps; "Pod Lifecycle".
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from agent.collectors.counters import Counters, Deltas
from agent.sample import Dimensions

GPU_RESOURCES = ("nvidia.com/gpu", "nvidia.com/mig-", "amd.com/gpu", "aws.amazon.com/neuron")
"""How the resources that device plugins give out begin."""

_OF_SCHEDULE = re.compile(r"-\d{8,}$")
_SHARE = "::"  # NVIDIA's device plugin, time slicing: GPU-uuid::3


@dataclass(frozen=True, slots=True)
class Pod:
    """`workload` is what the pod is one of; `restarts` is by container; `oom_kills` names each one there was."""

    uid: str
    namespace: str
    name: str
    workload: str
    phase: str
    ready: bool
    unschedulable: bool
    gpus: int
    restarts: Mapping[str, int]
    oom_kills: frozenset[str]

    @property
    def dimensions(self) -> Dimensions:
        """The workload's."""
        return (("namespace", self.namespace), ("workload", self.workload))


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment or StatefulSet."""

    namespace: str
    name: str
    desired: int
    ready: int
    available: int


def pod(told: Mapping[str, Any]) -> Pod:
    """A pod; one that was only just accepted has no statuses yet."""
    metadata, spec, status = told["metadata"], told.get("spec") or {}, told.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    return Pod(
        uid=metadata["uid"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        workload=workload_of(metadata),
        phase=status.get("phase", "Pending"),
        ready=conditions.get("Ready", {}).get("status") == "True",
        unschedulable=conditions.get("PodScheduled", {}).get("reason") == "Unschedulable",
        gpus=sum(_gpus(container) for container in spec.get("containers") or ()),
        restarts={one["name"]: one.get("restartCount", 0) for one in containers},
        oom_kills=frozenset(_oom_kills(metadata["uid"], containers)),
    )


def workload_of(metadata: Mapping[str, Any]) -> str:
    """The name of what made the pod: a ReplicaSet's Deployment, a Job's CronJob, its controller's, else its own."""
    owner = next((one for one in metadata.get("ownerReferences") or () if one.get("controller")), None)
    if owner is None:
        return str(metadata["name"])
    name = str(owner["name"])
    if owner["kind"] == "ReplicaSet":
        return name.removesuffix("-" + (metadata.get("labels") or {}).get("pod-template-hash", ""))
    return _OF_SCHEDULE.sub("", name) if owner["kind"] == "Job" else name


def _gpus(container: Mapping[str, Any]) -> int:
    resources = container.get("resources") or {}
    # What a plugin gives out has requests equal to its limits, of which one may be left out.
    wanted = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
    return sum(int(count) for name, count in wanted.items() if name.startswith(GPU_RESOURCES))


def _oom_kills(uid: str, containers: list[Mapping[str, Any]]) -> Iterator[str]:
    for container in containers:
        for state in ("state", "lastState"):
            ended = (container.get(state) or {}).get("terminated") or {}
            if ended.get("reason") == "OOMKilled":
                yield f"{uid}/{container['name']}/{ended.get('finishedAt', '')}"


def workload(told: Mapping[str, Any]) -> Workload:
    """A Deployment or StatefulSet; the API leaves out what is 0."""
    status = told.get("status") or {}
    return Workload(
        told["metadata"]["namespace"],
        told["metadata"]["name"],
        desired=(told.get("spec") or {}).get("replicas", 1),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
    )


def node(told: Mapping[str, Any]) -> tuple[bool, int]:
    """Whether a node is ready, and how many GPUs may be had of it."""
    status = told.get("status") or {}
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ())
    allocatable = status.get("allocatable") or {}
    return ready, sum(int(count) for name, count in allocatable.items() if name.startswith(GPU_RESOURCES))


def whole_device(name: str) -> str:
    """A device's id without its share: NVIDIA's device plugin numbers the shares of a GPU that is sliced by time."""
    return name.partition(_SHARE)[0]


def devices(checkpoint: str) -> dict[str, set[str]]:
    """The uid of each pod that has it, by the id of a device, of the kubelet's device checkpoint.

    Source: kubernetes/kubernetes, pkg/kubelet/cm/devicemanager/checkpoint. A file that the kubelet keeps for itself,
    for nodes where its socket is not to be had.
    """
    owners: dict[str, set[str]] = {}
    for entry in json.loads(checkpoint)["Data"]["PodDeviceEntries"] or ():
        if entry["ResourceName"].startswith(GPU_RESOURCES):
            ids = entry["DeviceIDs"]
            for device in [one for some in ids.values() for one in some] if isinstance(ids, dict) else ids:
                owners.setdefault(whole_device(device), set()).add(entry["PodUID"])
    return owners


class Events:
    """Restarts and OOM kills of pods, as what came since the previous look."""

    def __init__(self) -> None:
        self._restarts = Deltas()
        self._killed: frozenset[str] | None = None

    def since(self, pods: tuple[Pod, ...]) -> dict[Dimensions, Counters] | None:
        """(restarts, OOM kills) by workload, where there were any; None at the first look."""
        restarts = {f"{one.uid}/{name}": (count,) for one in pods for name, count in one.restarts.items()}
        grown = self._restarts.by_device(restarts)
        killed = frozenset(kill for one in pods for kill in one.oom_kills)
        before, self._killed = self._killed, killed
        if before is None:
            return None
        found: dict[Dimensions, Counters] = {}
        for one in pods:
            restarted = sum(grown.get(f"{one.uid}/{name}", (0,))[0] for name in one.restarts)
            kills = len(one.oom_kills - before)
            if restarted or kills:
                so_far = found.get(one.dimensions, (0, 0))
                found[one.dimensions] = (so_far[0] + restarted, so_far[1] + kills)
        return found
