"""The default configuration's cloud assembly, synthesized once a session: a pytest plugin."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.config import Config, load
from stacks.packaging import ROOT
from stacks.synth import synth


@pytest.fixture(scope="session")
def default_config() -> Config:
    """config/default.toml, parsed."""
    return load((ROOT / "config" / "default.toml").read_text())


@pytest.fixture(scope="session")
def assembly(default_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of config/default.toml's cloud assembly; read it only."""
    return synth(default_config, tmp_path_factory.mktemp("assembly") / "cdk.out")


@pytest.fixture(scope="session")
def templates(assembly: Path) -> dict[str, dict[str, Any]]:
    """The assembly's templates by stack, named by its last part: `notifications`, `reactions` and so on."""
    return read_templates(assembly)


def read_templates(folder: Path) -> dict[str, dict[str, Any]]:
    """Every template in an assembly, by the stack's name without `mlwarden-<stage>-`."""
    found = {path.name.removesuffix(".template.json"): path for path in sorted(folder.glob("*.template.json"))}
    return {name.split("-", 2)[2]: json.loads(path.read_text()) for name, path in found.items()}
