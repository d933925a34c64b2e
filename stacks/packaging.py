"""Zips of the function code, its layers and the agent: same content, same bytes, and nothing compiled.

Files are named by their content under build/, so that a second synth finds them and two at once do not collide. The
dependency layer is copied from the running environment, file by file against the hashes that pip recorded: no
network, and byte for byte the wheels that requirements/lambda.txt pins.
"""

import base64
import hashlib
import importlib.metadata
import io
import re
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.messages import templates as texts

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time a zip can carry."""
COMPILED = (".so", ".pyd", ".dylib", ".dll")
_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_BOOKKEEPING = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


class PackagingError(Exception):
    """The code cannot be packaged; the message names the file or requirement."""


@dataclass(frozen=True, slots=True)
class Package:
    """A zip file and the SHA-256 (hex) of its uncompressed content, which names the asset on every machine alike."""

    path: Path
    digest: str


def functions() -> Package:
    """`core` without the configuration parser, and `lambdas`: the code of every function."""
    files = {**_sources("core", without=frozenset({"core/config.py"})), **_sources("lambdas")}
    return write("functions", files)


def dependencies() -> Package:
    """The layer with the wheels of requirements/lambda.txt, under `python/`.

    Raises PackagingError when the environment has another version, a changed file, or a wheel that is not pure.
    """
    files: dict[str, bytes] = {}
    for name, version in pinned():
        files |= {f"python/{path}": content for path, content in installed(name, version).items()}
    return write("dependencies", files)


def pinned() -> list[tuple[str, str]]:
    """Name and version of every wheel of the layer."""
    return _REQUIREMENT.findall((ROOT / "requirements" / "lambda.txt").read_text())


def facts(*, alarms: str, policy: str, templates: str) -> Package:
    """The layer that tells the functions what was deployed with them: JSON files in `mlwarden_deployed`."""
    module = '"""What this deployment consists of, written when it was synthesized."""\n'
    files = {"__init__.py": module, "alarms.json": alarms, "policy.json": policy, "templates.json": templates}
    return write("facts", {f"python/mlwarden_deployed/{name}": text.encode() for name, text in files.items()})


def templates(folder: str) -> str:
    """The users' message templates in a folder, as the functions read them; none for "".

    Raises PackagingError for a folder that is not there and for a template that is broken.
    """
    if not folder:
        return texts.encode(texts.NONE)
    path = ROOT / folder
    if not path.is_dir():
        raise PackagingError(f"notifications.templates: {folder} is not a folder")
    found = texts.parse({file.name: file.read_text(encoding="utf-8") for file in sorted(path.glob("*.txt"))})
    if problems := texts.problems(found):
        raise PackagingError("\n".join(f"notifications.templates: {folder}: {problem}" for problem in problems))
    return texts.encode(found)


def agent() -> Package:
    """The agent for a host: its wheel, the hashed requirements that the wheel needs, and its systemd unit."""
    name, wheel = _agent_wheel()
    unit = ROOT / "agent" / "deploy" / "mlwarden-agent.service"
    return write(
        "agent",
        {
            name: wheel,
            "requirements.txt": (ROOT / "requirements" / "agent.txt").read_bytes(),
            unit.name: unit.read_bytes(),
        },
    )


def _sources(package: str, *, without: frozenset[str] = frozenset()) -> dict[str, bytes]:
    found = (path for suffix in ("*.py", "*.json") for path in (ROOT / package).rglob(suffix))
    paths = {path.relative_to(ROOT).as_posix(): path for path in found}
    return {name: path.read_bytes() for name, path in paths.items() if name not in without}


def installed(name: str, version: str) -> dict[str, bytes]:
    """An installed wheel's files by path, as its RECORD has them; raises PackagingError."""
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise PackagingError(f"{name}=={version} is not installed; run make again") from None
    if distribution.version != version:
        raise PackagingError(
            f"requirements/lambda.txt pins {name}=={version}, installed is {distribution.version}; run make again"
        )
    if "-none-any" not in (distribution.read_text("WHEEL") or ""):
        raise PackagingError(f"{name}=={version} is not a pure-Python wheel; the layer may hold no other")
    files: dict[str, bytes] = {}
    for entry in distribution.files or []:
        outside = entry.parts[0] == ".."
        if outside or entry.suffix == ".pyc" or (_metadata(entry) and entry.name in _BOOKKEEPING):
            continue
        content = Path(str(entry.locate())).read_bytes()
        if entry.hash is not None and _record_hash(content) != entry.hash.value:
            raise PackagingError(f"{entry} of {name} was changed after its installation; run make clean")
        files[entry.as_posix()] = content
    return files


def _metadata(entry: importlib.metadata.PackagePath) -> bool:
    return entry.parts[0].endswith(".dist-info")


def _record_hash(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def _agent_wheel() -> tuple[str, bytes]:
    """A wheel as PyPA's binary distribution format has it, of `agent` and `core`: file name and content."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    version = project["version"]
    info = f"mlwarden_agent-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {name}\n" for name in project["dependencies"])
    files = {
        **_sources("agent"),
        **_sources("core"),
        f"{info}/METADATA": (
            f"Metadata-Version: 2.1\nName: mlwarden-agent\nVersion: {version}\n"
            f"Requires-Python: {project['requires-python']}\n{requires}"
        ).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: mlwarden\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": (
            f"[console_scripts]\nmlwarden-agent = {project['scripts']['mlwarden-agent']}\n"
        ).encode(),
    }
    record = "".join(f"{path},sha256={_record_hash(content)},{len(content)}\n" for path, content in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    return f"mlwarden_agent-{version}-py3-none-any.whl", _zip(files)


def write(name: str, files: Mapping[str, bytes]) -> Package:
    """The zip of `files` under build/; raises PackagingError for a compiled file."""
    digest = hashlib.sha256()
    for path in sorted(files):
        if path.endswith(COMPILED):
            raise PackagingError(f"{path} is compiled; functions, layers and agent hold pure Python only")
        digest.update(f"{path}\0{len(files[path])}\0".encode())
        digest.update(files[path])
    target = BUILD / f"{name}-{digest.hexdigest()[:32]}.zip"
    if not target.is_file():
        BUILD.mkdir(exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=BUILD, suffix=".partial", delete=False) as partial:
            partial.write(_zip(files))
        Path(partial.name).chmod(0o644)
        # One step, because another synth may be writing the same file.
        Path(partial.name).replace(target)
    return Package(target, digest.hexdigest())


def _zip(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.create_system = 3  # Unix, whatever machine this is
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[path])
    return target.getvalue()


def main(arguments: Sequence[str]) -> int:
    """`python -m stacks.packaging FOLDER`: the agent archive's files in a folder, for hosts without the stack."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m stacks.packaging FOLDER\n")
        return 2
    folder = Path(arguments[0])
    with zipfile.ZipFile(agent().path) as archive:
        archive.extractall(folder)
        names = archive.namelist()
    sys.stdout.write("".join(f"{folder / name}\n" for name in names))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
