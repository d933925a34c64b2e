"""Which properties name a resource and which replace it when they change: CloudFormation's own resource schemas.

They come with cfn-lint, which bundles AWS's CloudFormation resource specification.
"""

import importlib.util
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

_IN_PLACE: Mapping[str, frozenset[str]] = {
    "AWS::SSM::Document": frozenset(
        {"Content", "Attachments", "DocumentFormat", "Requires", "TargetType", "VersionName"}
    ),
}
"""What replaces a resource only under a condition of its own: a document unless its UpdateMethod is NewVersion."""


@cache
def replacing(kind: str) -> frozenset[str]:
    """The properties of a type whose change replaces the resource (`createOnlyProperties`), conditional ones too."""
    schema = _schema(kind)
    paths = [*schema.get("createOnlyProperties", ()), *schema.get("conditionalCreateOnlyProperties", ())]
    return frozenset(path.split("/")[2] for path in paths)


def replaces(kind: str, name: str, properties: Mapping[str, Any]) -> bool:
    """Whether a change of the property `name` to what `properties` say replaces a resource of this type."""
    if name in _IN_PLACE.get(kind, frozenset()) and properties.get("UpdateMethod") == "NewVersion":
        return False
    return name in replacing(kind)


@cache
def identifier(kind: str) -> tuple[str, ...]:
    """The properties that identify a resource of a type, when a template may set them all; () otherwise."""
    schema = _schema(kind)
    names = tuple(path.split("/")[2] for path in schema.get("primaryIdentifier", ()))
    read_only = {path.split("/")[2] for path in schema.get("readOnlyProperties", ())}
    return () if read_only & set(names) else names


@cache
def taggable(kind: str) -> bool:
    """Whether a stack's tags reach resources of this type."""
    schema = _schema(kind)
    declared: bool = schema.get("tagging", {}).get("taggable", "Tags" in schema.get("properties", {}))
    return declared


@cache
def _schema(kind: str) -> dict[str, Any]:
    """A type's schema; {} for one that AWS does not publish."""
    folder = _folder()
    name = _index().get(kind)
    if name is None:
        return {}
    schema: dict[str, Any] = json.loads((folder / "resources" / f"{name}.json").read_text())
    return schema


@cache
def _index() -> dict[str, str]:
    index: dict[str, str] = json.loads((_folder() / "providers" / "us-east-1.json").read_text())
    return index


@cache
def _folder() -> Path:
    """Found without importing cfn-lint, which takes a second."""
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or spec.origin is None:
        raise RuntimeError("cfn-lint is not installed; it brings CloudFormation's resource schemas")
    return Path(spec.origin).parent / "data" / "schemas"
