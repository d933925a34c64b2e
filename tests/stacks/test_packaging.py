import csv
import io
import subprocess
import sys
import zipfile
from importlib.metadata import version

import pytest

from stacks import packaging

IMPORTS = """
import sys
sys.path[:] = [path for path in sys.path if "site-packages" not in path] + sys.argv[1:]
for name in ("router", "notifier", "responder", "recommender"):
    assert callable(__import__(f"lambdas.{name}", fromlist=["handle"]).handle)
import boto3, msgspec
"""

PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-compile"]


def zips(assembly):
    return sorted(assembly.glob("asset.*.zip"))


def names(path):
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_no_asset_holds_a_compiled_file(assembly):
    found = [name for path in zips(assembly) for name in names(path)]

    assert found
    assert [] == [name for name in found if name.endswith((".so", ".pyd", ".dylib", ".dll", ".pyc"))]


def test_every_asset_has_one_time_one_order_and_one_mode(assembly):
    for path in zips(assembly):
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()

        assert {(1980, 1, 1, 0, 0, 0)} == {entry.date_time for entry in entries}
        assert {0o644} == {entry.external_attr >> 16 for entry in entries}
        assert sorted(entry.filename for entry in entries) == [entry.filename for entry in entries]


def test_the_functions_hold_core_without_the_configuration_and_nothing_of_the_rest(function_code):
    folders = {name.partition("/")[0] for name in function_code}

    assert {"core", "lambdas"} == folders
    assert "core/settings.py" in function_code
    assert "core/config.py" not in function_code


def test_the_dependency_layer_holds_what_is_pinned_and_nothing_else(layers):
    pinned = packaging.pinned()

    found = {
        tuple(name.split("/")[1].removesuffix(".dist-info").lower().replace("_", "-").rsplit("-", 1))
        for name in layers["Dependencies"]
        if name.endswith(".dist-info/METADATA")
    }

    assert {(name.replace("_", "-"), version) for name, version in pinned} == found


def test_the_dependency_layer_is_byte_for_byte_what_the_wheels_recorded(layers):
    files = layers["Dependencies"]

    assert {"python"} == {name.partition("/")[0] for name in files}
    assert "python/aws_lambda_powertools/__init__.py" in files
    assert not [name for name in files if name.endswith(("/RECORD", "/INSTALLER"))]


def test_every_handler_can_be_imported_from_its_packages_alone(assembly, tmp_path, function_code, layers):
    """What is imported is what is deployed: nothing of this environment, nothing compiled, no configuration parser."""
    for name, files in {"code": function_code, **layers}.items():
        for path, content in files.items():
            target = tmp_path / name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    folders = [tmp_path / "code", tmp_path / "Dependencies" / "python", tmp_path / "Facts" / "python"]

    ran = subprocess.run(
        [sys.executable, "-I", "-c", IMPORTS, *map(str, folders)],
        capture_output=True,
        text=True,
        check=False,
        env={"AWS_DEFAULT_REGION": "us-east-1"},
    )

    assert "ModuleNotFoundError: No module named 'msgspec'" == ran.stderr.strip().splitlines()[-1]


def test_the_agents_wheel_can_be_installed(tmp_path):
    package = packaging.agent()
    with zipfile.ZipFile(package.path) as archive:
        [wheel] = [name for name in archive.namelist() if name.endswith(".whl")]
        archive.extract(wheel, tmp_path)

    installed = subprocess.run(
        [*PIP, "--target", str(tmp_path / "site"), str(tmp_path / wheel)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ("", 0) == (installed.stderr, installed.returncode)
    assert (tmp_path / "site" / "agent" / "__main__.py").is_file()
    assert (tmp_path / "site" / "bin" / "mlwarden-agent").is_file()


def test_the_agents_wheel_records_every_file():
    package = packaging.agent()
    with zipfile.ZipFile(package.path) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".whl")]
        wheel = zipfile.ZipFile(io.BytesIO(archive.read(name)))
    [record] = [name for name in wheel.namelist() if name.endswith("/RECORD")]

    rows = list(csv.reader(wheel.read(record).decode().splitlines()))

    assert sorted(wheel.namelist()) == sorted(row[0] for row in rows)


def test_a_package_is_named_by_its_content():
    first, again, other = (packaging.facts(alarms=text, policy="{}", templates="{}") for text in ("[]", "[]", "[1]"))

    assert first == again
    assert first.path != other.path


def test_templates_that_are_not_there_or_broken_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(packaging, "ROOT", tmp_path)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "mail.txt").write_text("$no_such_field")

    with pytest.raises(packaging.PackagingError, match="other is not a folder"):
        packaging.templates("other")
    with pytest.raises(packaging.PackagingError, match=r"texts: mail\.txt: .*no_such_field"):
        packaging.templates("texts")


def test_a_compiled_file_is_refused_by_name():
    with pytest.raises(packaging.PackagingError, match=r"python/fast\.so is compiled"):
        packaging.write("layer", {"python/fast.so": b""})


def test_another_version_than_the_pinned_is_refused():
    with pytest.raises(packaging.PackagingError, match=r"pins boto3==0.0.1, installed is"):
        packaging.installed("boto3", "0.0.1")


def test_a_wheel_with_compiled_code_is_refused():
    with pytest.raises(packaging.PackagingError, match=r"msgspec.* is not a pure-Python wheel"):
        packaging.installed("msgspec", version("msgspec"))
