"""A template's text as an object: JSON, or YAML with CloudFormation's short forms of its functions."""

import json
from typing import Any

import yaml

from local.deployer.errors import DeployError

_BARE = {"Condition", "Ref"}
"""Short forms that stand for keys without `Fn::`."""


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # PyYAML ships no types
    """YAML without dates: `2012-10-17` is a policy's version."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
    match node:
        case yaml.ScalarNode():
            value: Any = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in _BARE else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short)


def read(name: str, text: str) -> dict[str, Any]:
    """The template of a stack; DeployError when it is neither JSON nor YAML, or no object."""
    try:
        document = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_Loader)  # noqa: S506
    except (ValueError, yaml.YAMLError) as error:
        raise DeployError(name, f"Template format error: {str(error).replace(chr(10), ' ')}") from None
    if not isinstance(document, dict):
        raise DeployError(name, "Template format error: unsupported structure.")
    if not document.get("Resources"):
        raise DeployError(name, "Template format error: At least one Resources member must be defined.")
    return document
