"""`mlwarden serve` from start to end, and what it says when it cannot start."""

import signal
import socket
from pathlib import Path

import pytest

from cli.__main__ import main
from tests.e2e.command import run, serving


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_at_once_and_cleanly(number: signal.Signals) -> None:
    with serving("--empty") as served:
        health = served.control("health")

        ended = served.end(number)

    assert health["status"] == "ok"
    assert ended == (0, "")


@pytest.mark.parametrize("command", [["serve", "--empty"], ["demo"]])
def test_a_port_in_use_is_one_clear_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])

        status = main([*command, "--port", port])

    *_, line = capsys.readouterr().err.splitlines()
    assert status == 1
    assert f"--port {port}" in line
    assert "in use" in line


def test_an_error_is_the_last_word_of_the_process_and_not_a_traceback() -> None:
    done = run("serve", "--config", "nowhere.toml")

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "mlwarden: cannot read the configuration nowhere.toml: No such file or directory\n"


def test_a_port_that_cannot_be_is_refused_as_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--empty", "--port", "99999"])

    assert ended.value.code == 2
    assert "99999 is not a port; 0 (a free one) to 65535 would be right" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "demo"])
@pytest.mark.parametrize(
    "content, reason",
    [(None, "No such file or directory"), (b"\xff\xfe\x00", "is not UTF-8 at byte 0")],
    ids=["missing", "binary"],
)
def test_a_configuration_that_cannot_be_read_is_one_clear_line(
    command: str, content: bytes | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)

    status = main([command, "--config", str(path)])

    (line,) = capsys.readouterr().err.splitlines()
    assert status == 1
    assert str(path) in line
    assert reason in line


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_configuration_with_errors_names_them_all_before_anything_is_created(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('[deployment]\nstage = "UPPER"\nowner = "me"\nrunbooks = "https://example.com"\ncolour = "red"\n')

    status = main([command, "--config", str(path)])

    said = capsys.readouterr()
    first, *problems = said.err.splitlines()
    assert status == 1
    assert first == f"mlwarden: {path} is not a valid configuration:"
    assert [problem.split(":")[0] for problem in problems] == ["deployment.colour", "deployment.stage"]
    assert said.out == ""
