"""Fixtures of the stacks' tests."""

import zipfile
from pathlib import Path

import pytest

from tests.stacks.template import named, of_type


def unzip(path: Path) -> dict[str, bytes]:
    """Content by name."""
    with zipfile.ZipFile(path) as archive:
        return {entry: archive.read(entry) for entry in archive.namelist()}


@pytest.fixture(scope="session")
def layers(assembly, templates) -> dict[str, dict[str, bytes]]:
    """The files of each layer: `Dependencies` and `Facts`."""
    template = templates["reactions"]
    kind = "AWS::Lambda::LayerVersion"
    keys = {name: named(template, kind, name)[1]["Content"]["S3Key"] for name in ("Dependencies", "Facts")}
    assert len(keys) == len(of_type(template, kind))
    return {name: unzip(assembly / f"asset.{key}") for name, key in keys.items()}


@pytest.fixture(scope="session")
def function_code(assembly, templates) -> dict[str, bytes]:
    """The files of the one zip that all functions share."""
    functions = of_type(templates["reactions"], "AWS::Lambda::Function").values()
    [key] = {function["Properties"]["Code"]["S3Key"] for function in functions}
    return unzip(assembly / f"asset.{key}")
