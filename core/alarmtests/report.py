"""The report of a run: text for people, JUnit XML for CI."""

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from core.alarmtests.document import DocumentError
from core.alarmtests.record import Evidence
from core.alarmtests.verdict import Failure

_NOT_XML = {code: "\ufffd" for code in range(0x20) if chr(code) not in "\t\n\r"}


@dataclass(frozen=True, slots=True)
class Result:
    """One test that ran."""

    name: str
    line: int
    failures: tuple[Failure, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class FileResult:
    """One file: its tests' results, or what is wrong with it."""

    path: str
    results: tuple[Result, ...] = ()
    error: DocumentError | None = None

    @property
    def failed(self) -> tuple[Result, ...]:
        """The tests that failed."""
        return tuple(result for result in self.results if result.failures)


def text(files: Sequence[FileResult]) -> str:
    """What people read: each bad file, each failed test, then a line that counts."""
    lines: list[str] = []
    for file in files:
        if file.error is not None:
            lines += [f"{file.path}:{problem.place}: {problem.text}" for problem in file.error.problems]
        for result in file.failed:
            lines.append(f"FAIL {file.path}:{result.line} {result.name}")
            for failure in result.failures:
                lines += [f"  {line}" if line else "" for line in failure_lines(failure)]
    return "\n".join([*lines, summary(files)])


def summary(files: Sequence[FileResult]) -> str:
    """One line: `57 tests in 3 files: 55 passed, 2 failed`."""
    tests = sum(len(file.results) for file in files)
    failed = sum(len(file.failed) for file in files)
    bad = sum(file.error is not None for file in files)
    line = f"{_counted(tests, 'test')} in {_counted(len(files), 'file')}: {tests - failed} passed, {failed} failed"
    return line + (f", {_counted(bad, 'file')} could not be read" if bad else "")


def failure_lines(failure: Failure) -> list[str]:
    """One failure: expected against got, and the datapoints that decided."""
    lines = [f"{failure.about} (line {failure.place.line})", f"  expected {failure.expected}"]
    first, *rest = failure.got.splitlines()
    lines += [f"  got      {first}", *(f"           {line}".rstrip() for line in rest)]
    return lines + ([f"  {line}" for line in _evidence(failure.evidence)] if failure.evidence else [])


def _evidence(evidence: Evidence) -> list[str]:
    lines = evidence.summary.splitlines()
    first = next((number for number, point in enumerate(evidence.points) if point.value is not None), 0)
    if first > 1:
        lines.append(f"  {first} periods from {evidence.points[0].at:%Y-%m-%d %H:%M:%S} missing")
    for point in evidence.points[first if first > 1 else 0 :]:
        value = "-" if point.value is None else f"{point.value:g}"
        verdict = {None: "missing", True: "breaching", False: "not breaching"}[point.breaching]
        lines.append(f"  {point.at:%Y-%m-%d %H:%M:%S}  {value:>12}  {point.threshold:<14} {verdict}")
    return lines


def junit(files: Sequence[FileResult]) -> str:
    """JUnit's XML, a suite a file and a case a test; a file that cannot be read is an error of its suite."""
    suites = ElementTree.Element("testsuites", name="mlwarden test")
    for file in files:
        bad = file.error is not None
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name=file.path,
            tests=str(len(file.results) + bad),
            failures=str(len(file.failed)),
            errors=str(int(bad)),
            time=f"{sum(result.seconds for result in file.results):.3f}",
        )
        for result in file.results:
            case = _case(suite, file.path, result.name, result.line, result.seconds)
            if result.failures:
                told = [_clean("\n".join(failure_lines(failure))) for failure in result.failures]
                first = result.failures[0]
                summed = _clean(f"{first.about}: expected {first.expected}, got {first.got.splitlines()[0]}")
                ElementTree.SubElement(case, "failure", message=summed).text = "\n".join(told)
        if file.error is not None:
            case = _case(suite, file.path, "the file can be read", 1, 0.0)
            told = [f"{file.path}:{problem.place}: {problem.text}" for problem in file.error.problems]
            ElementTree.SubElement(case, "error", message=_clean(told[0])).text = _clean("\n".join(told))
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, path: str, name: str, line: int, seconds: float) -> ElementTree.Element:
    return ElementTree.SubElement(
        suite, "testcase", classname=path, name=_clean(name), file=path, line=str(line), time=f"{seconds:.3f}"
    )


def _clean(told: str) -> str:
    """Without the control characters that XML cannot say."""
    return told.translate(_NOT_XML)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
