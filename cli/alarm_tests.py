"""`mlwarden test`: tests of alarms, written in TOML, on the embedded CloudWatch."""

import argparse
from pathlib import Path

from cli.errors import CommandError
from core.alarmtests import report
from local.alarmtests import runner

PASSED, FAILED, BAD_FILES = 0, 1, 2


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("test", help="run tests of alarms (TOML) on the embedded CloudWatch")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="a file of tests, or a folder of *.toml")
    parser.add_argument("--only", default="", metavar="TEXT", help="run the tests whose names contain TEXT")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML as well")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the files; returns 0 when all passed, 1 when a test failed, 2 when a file cannot be used."""
    found = tuple(runner.run_file(path, options.only) for path in _files(options.files))
    if options.only and not any(file.results or file.error for file in found):
        raise CommandError(f"no test's name contains {options.only!r}")
    print(report.text(found))
    if options.junit is not None:
        try:
            options.junit.write_text(report.junit(found), encoding="utf-8")
        except OSError as error:
            raise CommandError(f"cannot write {options.junit}: {error.strerror}") from error
    if any(file.error is not None for file in found):
        return BAD_FILES
    return FAILED if any(file.failed for file in found) else PASSED


def _files(paths: list[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            # A folder without any is reported as a file that cannot be read.
            files += sorted(path.glob("*.toml")) or [path]
        else:
            files.append(path)
    return files
