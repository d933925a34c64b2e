"""Reads a cloud assembly (cdk.out): its stacks in dependency order and its file assets."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.deployer.errors import DeployError


@dataclass(frozen=True, slots=True)
class Asset:
    """A file or folder that a template refers to by bucket and key. `digest` names its content."""

    path: Path
    digest: str
    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class StackArtifact:
    """One stack as synthesized. `assets` are those of the stack, by object key."""

    name: str
    template: Mapping[str, Any]
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    assets: Mapping[str, Asset]


def read(folder: Path) -> tuple[StackArtifact, ...]:
    """The stacks of an assembly, each after those it depends on; otherwise in the manifest's order.

    Nested assemblies (stages) are read too. DeployError when the manifest is missing or of a kind not known.
    """
    manifest = _json(folder / "manifest.json")
    artifacts: dict[str, Any] = manifest.get("artifacts", {})
    graph = {name: artifact.get("dependencies", []) for name, artifact in artifacts.items()}
    order = _ordered(folder, graph)
    stacks: list[StackArtifact] = []
    for name in order:
        artifact = artifacts[name]
        match artifact["type"]:
            case "aws:cloudformation:stack":
                stacks.append(_stack(folder, name, artifact, artifacts))
            case "cdk:cloud-assembly":
                stacks.extend(read(folder / artifact["properties"]["directoryName"]))
            case "cdk:asset-manifest" | "cdk:tree" | "cdk:feature-flag-report" | "cdk:metadata":
                continue
            case other:
                raise DeployError(f"{folder.name}.{name}", f"unknown artifact type {other}")
    return tuple(stacks)


def _ordered(folder: Path, graph: Mapping[str, list[str]]) -> list[str]:
    """Artifacts after those they depend on; of what is ready, the manifest's first."""
    done: list[str] = []
    waiting = list(graph)
    while waiting:
        ready = next((name for name in waiting if not any(each in waiting for each in graph[name])), None)
        if ready is None:
            raise DeployError(str(folder), f"artifacts depend on one another in a circle: {', '.join(waiting)}")
        waiting.remove(ready)
        done.append(ready)
    return done


def _stack(folder: Path, name: str, artifact: dict[str, Any], artifacts: dict[str, Any]) -> StackArtifact:
    properties = artifact["properties"]
    assets: dict[str, Asset] = {}
    for dependency in artifact.get("dependencies", []):
        other = artifacts.get(dependency, {})
        if other.get("type") == "cdk:asset-manifest":
            assets |= _assets(folder / other["properties"]["file"])
    return StackArtifact(
        name=properties.get("stackName", name),
        template=_json(folder / properties["templateFile"]),
        parameters=properties.get("parameters", {}),
        tags=properties.get("tags", {}),
        assets=assets,
    )


def _assets(manifest: Path) -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    document = _json(manifest)
    if document.get("dockerImages"):
        raise DeployError(manifest.name, "docker image assets are not known here; functions are zip packages")
    for digest, entry in document.get("files", {}).items():
        path = manifest.parent / entry["source"]["path"]
        for destination in entry["destinations"].values():
            found[destination["objectKey"]] = Asset(path, digest, destination["bucketName"], destination["objectKey"])
    return found


def digest(content: bytes) -> str:
    """The SHA-256 (hex) that names a content."""
    return hashlib.sha256(content).hexdigest()


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise DeployError(str(path), "missing; is the folder a synthesized cloud assembly?") from None
    except ValueError as error:
        raise DeployError(str(path), f"not JSON: {error}") from error
