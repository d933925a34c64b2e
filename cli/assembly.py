"""Synthesise a configuration's stacks, or take what an earlier run synthesised from the same inputs."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from cli.errors import CommandError
from core import config as configuration

ROOT = Path(__file__).resolve().parent.parent
INPUTS = ("app.py", "cdk.json", "core", "lambdas", "stacks", "requirements/lambda.txt")
"""What a template or an asset is made of; a change in any of them makes a new assembly."""


def load_config(path: Path) -> configuration.Config:
    """Read and check a configuration file; raises CommandError with every problem in it."""
    try:
        return configuration.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"cannot read the configuration {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"the configuration {path} is not UTF-8 at byte {error.start}") from error
    except configuration.ConfigError as error:
        raise CommandError(f"{path} is not a valid configuration:\n{error}") from error


def assembly(config_path: Path) -> Path:
    """The cloud assembly's folder for a configuration. Raises CommandError when synthesis fails."""
    load_config(config_path)
    folder = ROOT / "build" / "assemblies" / _fingerprint(config_path)
    if (folder / "manifest.json").is_file():
        return folder
    draft = folder.with_suffix(f".{os.getpid()}")
    environment = os.environ | {"MLWARDEN_CONFIG": str(config_path.resolve()), "CDK_OUTDIR": str(draft)}
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        reason = (done.stderr.strip() or done.stdout.strip() or f"app.py exited with {done.returncode}").splitlines()
        raise CommandError("the stacks could not be synthesised:\n" + "\n".join(reason[-12:]))
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)
    return folder


def _fingerprint(config_path: Path) -> str:
    digest = hashlib.sha256(config_path.read_bytes())
    for name in INPUTS:
        path = ROOT / name
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        for file in files:
            digest.update(str(file.relative_to(ROOT)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]
