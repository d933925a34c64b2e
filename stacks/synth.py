"""From one configuration to a cloud assembly on disk, in this process: what app.py, the tests and the demo call."""

import json
import os
from pathlib import Path

from core.catalogue import lint
from core.config import Config
from stacks import deployed, node
from stacks.packaging import ROOT, PackagingError


class SynthError(Exception):
    """Nothing was synthesized that may be deployed; the text has one problem a line."""


def configuration_path() -> Path:
    """MLWARDEN_CONFIG, else the CDK context's `config`, else config/default.toml."""
    context = json.loads(os.environ.get("CDK_CONTEXT_JSON") or "{}")
    chosen = os.environ.get("MLWARDEN_CONFIG") or context.get("config")
    return Path(chosen) if chosen else ROOT / "config" / "default.toml"


def synth(config: Config, outdir: Path | None = None) -> Path:
    """Write the assembly and return its folder: `outdir`, by default where the CDK CLI says. An earlier one goes first.

    Raises SynthError for an alarm that cannot fire, a finding of cdk-nag, code that cannot be packaged, no Node.
    """
    if problem := node.missing():
        raise SynthError(problem)
    if problems := lint.check(deployed.alarms(config)):
        raise SynthError("\n".join(problems))
    # Importing aws_cdk takes a second and starts Node: after the checks that need neither.
    from stacks.app import build
    from stacks.monitoring import SizeError

    folder = outdir if outdir is not None else _folder_of_cli()
    _clear(folder)
    try:
        build(config, outdir=folder).synth()
    except (PackagingError, SizeError) as error:
        raise SynthError(str(error)) from None
    except RuntimeError as error:
        raise SynthError(_findings(folder) or f"the CDK failed: {error}") from None
    return folder


def _folder_of_cli() -> Path:
    return Path(os.environ.get("CDK_OUTDIR") or ROOT / "cdk.out")


def _clear(folder: Path) -> None:
    """Remove an earlier assembly, so that no stack of it is taken for one of this; the CDK CLI's locks stay."""
    if not (folder / "cdk.out").is_file():
        return
    for pattern in ("*.template.json", "*.assets.json", "*.metadata.json", "asset.*", "validation-report.json"):
        for path in folder.glob(pattern):
            path.unlink()


def _findings(folder: Path) -> str:
    """One line a violation from the report that the CDK leaves beside the templates; empty without one."""
    report = folder / "validation-report.json"
    if not report.is_file():
        return ""
    return "\n".join(
        f"{construct['constructPath']}: {violation['ruleName']}: {violation['description']}"
        for plugin in json.loads(report.read_text())["pluginReports"]
        for violation in plugin["violations"]
        if violation["severity"] in {"error", "fatal"}
        for construct in violation["violatingConstructs"]
    )
