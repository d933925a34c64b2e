"""Small cloud assemblies written by hand, and the pieces that templates are made of."""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EPOCH = (1980, 1, 1, 0, 0, 0)


def package(folder: Path, files: Mapping[str, str]) -> tuple[Path, str]:
    """A zip of `files` and the digest that names it."""
    digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    path = folder / f"asset.{digest}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return path, digest


def assembly(
    folder: Path,
    stacks: Mapping[str, Mapping[str, Any]],
    *,
    after: Mapping[str, list[str]] | None = None,
    packages: tuple[tuple[Path, str], ...] = (),
) -> Path:
    """Write a cloud assembly with these templates; `after` says which stacks a stack depends on."""
    folder.mkdir(parents=True, exist_ok=True)
    artifacts: dict[str, Any] = {}
    for name, template in stacks.items():
        (folder / f"{name}.template.json").write_text(json.dumps(template))
        files = {
            digest: {
                "source": {"path": str(path), "packaging": "file"},
                "destinations": {"current": {"bucketName": bucket(), "objectKey": f"{digest}.zip"}},
            }
            for path, digest in packages
        }
        (folder / f"{name}.assets.json").write_text(json.dumps({"files": files, "dockerImages": {}}))
        assets = {"type": "cdk:asset-manifest", "properties": {"file": f"{name}.assets.json"}}
        artifacts[f"{name}.assets"] = assets
        artifacts[name] = {
            "type": "aws:cloudformation:stack",
            "properties": {"templateFile": f"{name}.template.json"},
            "dependencies": [f"{name}.assets", *(after or {}).get(name, [])],
        }
    (folder / "manifest.json").write_text(json.dumps({"artifacts": artifacts}))
    return folder


def bucket() -> str:
    """Where the CDK would put assets."""
    return "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"


def code(digest: str) -> dict[str, Any]:
    """A function's Code property, as the CDK writes it."""
    return {"S3Bucket": {"Fn::Sub": bucket()}, "S3Key": f"{digest}.zip"}


def role(*statements: Mapping[str, Any], service: str = "lambda.amazonaws.com") -> dict[str, Any]:
    """A role that a service assumes and that may do what the statements say."""
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    properties: dict[str, Any] = {"AssumeRolePolicyDocument": document(trust)}
    if statements:
        properties["Policies"] = [{"PolicyName": "Inline", "PolicyDocument": document(*statements)}]
    return {"Type": "AWS::IAM::Role", "Properties": properties}


def allow(*actions: str, on: Any = "*") -> dict[str, Any]:
    """A statement."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


def document(*statements: Mapping[str, Any]) -> dict[str, Any]:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}
