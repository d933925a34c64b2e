from pathlib import Path

import pytest

from agent.inputs.exposition import Kind, PageError, Series, parse
from agent.inputs.intake import Intake
from agent.inputs.scrape import Page, Scrape, ScrapeError, Target
from core.catalogue import inputs
from tests.agent.fakes import FakeClock, loopback

PAGES = Path(__file__).parent / "testdata" / "pages"
DCGM = (PAGES / "dcgm.txt").read_text()
VLLM = (PAGES / "vllm.txt").read_text()
MODEL = 'llama "3"\\8b'


def make(*metrics, labels=()):
    intake = Intake("scrape", most_series=50, monotonic=FakeClock().monotonic)
    return Page(metrics=metrics, labels=labels, intake=intake, monotonic=FakeClock().monotonic), intake


def told(intake):
    return sorted(
        (sample.metric.name, sample.metric.unit, sample.dimensions, sample.value, sample.times)
        for sample in intake.take()
        if sample.metric is not inputs.AGENT_INPUT_REJECTED
    )


def series(text, wanted=lambda _: True):
    return list(parse(text, wanted=wanted))


def test_only_wanted_families_are_looked_at():
    broken = DCGM + 'other{x="1" 5\n'

    found = series(broken, wanted=lambda name: name == "DCGM_FI_DEV_GPU_UTIL")

    assert [97, 3] == [each.value for each in found]
    assert ("gpu", "0") in found[0].labels
    with pytest.raises(PageError, match="line 15"):
        series(broken)


def test_labels_are_unescaped_and_what_a_client_library_adds_is_left_out():
    found = series(VLLM, wanted=lambda name: name.startswith("vllm:"))

    assert {MODEL} == {dict(each.labels)["model_name"] for each in found}
    assert [] == [each.name for each in found if each.name.endswith("_created")]


def test_parts_of_histograms_and_summaries_belong_to_their_family():
    families = {each.name: (each.family, each.kind) for each in series(VLLM)}

    assert ("vllm:time_to_first_token_seconds", Kind.HISTOGRAM) == families["vllm:time_to_first_token_seconds_sum"]
    assert ("rpc_duration_seconds", Kind.SUMMARY) == families["rpc_duration_seconds_count"]


@pytest.mark.parametrize(
    "line, expected",
    [
        ("up 1", Series("up", Kind.UNTYPED, "up", (), 1.0)),
        ("up\t1  1700000000000", Series("up", Kind.UNTYPED, "up", (), 1.0)),
        ('a_total{b="c,}",} 2', Series("a_total", Kind.COUNTER, "a_total", (("b", "c,}"),), 2.0)),
        ('a_total{b="c"} 2 # {trace_id="x"} 1 1.5', Series("a_total", Kind.COUNTER, "a_total", (("b", "c"),), 2.0)),
        ('a{b="x\\ny"} +Inf', Series("a", Kind.UNTYPED, "a", (("b", "x\ny"),), float("inf"))),
    ],
)
def test_lines_as_exporters_write_them(line, expected):
    assert [expected] == series(line)


@pytest.mark.parametrize("line", ["up", "up one", '{a="b"} 1', 'up{a="b} 1', "up{a=b} 1", "up 1 2 3"])
def test_a_line_that_is_none_is_named(line):
    with pytest.raises(PageError, match="line 2"):
        series(f"fine 1\n{line}\n")


def test_gauges_fold_over_the_labels_that_are_not_dimensions():
    page, intake = make("DCGM_FI_DEV_GPU_UTIL")

    page.read(DCGM)

    name = "DCGM_FI_DEV_GPU_UTIL"
    assert [(name, "None", (), 3.0, 1), (name, "None", (), 97.0, 1)] == told(intake)


def test_counters_are_what_they_grew_by_summed_over_what_folds():
    page, intake = make("DCGM_FI_DEV_TOTAL*")
    page.read(DCGM)
    assert [] == told(intake)

    page.read(DCGM.replace("5.1e+09", "5.3e+09").replace(" 4e+09", " 4.1e+09"))

    assert [("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Count", (), pytest.approx(3e8), 1)] == told(intake)


def test_an_exporter_that_began_anew_counts_from_zero():
    page, intake = make("vllm:prompt_tokens_total", labels=("engine",))
    page.read(VLLM)
    page.read(VLLM.replace(" 1000.0", " 30.0"))

    assert [("vllm:prompt_tokens_total", "Count", (("engine", "0"),), 30.0, 1)] == told(intake)


def test_a_series_that_a_later_page_brings_counts_from_zero():
    page, intake = make("errors_total")
    page.read("# TYPE errors_total counter\n")
    page.read('# TYPE errors_total counter\nerrors_total{code="500"} 1\n')

    assert [("errors_total", "Count", (), 1.0, 1)] == told(intake)


def test_a_histogram_comes_as_values_and_counts_that_make_up_its_sum():
    page, intake = make("vllm:time_to_first_token_seconds")
    page.read(VLLM)
    later = VLLM.replace(
        'le="0.5",model_name="llama \\"3\\"\\\\8b"} 5.0', 'le="0.5",model_name="llama \\"3\\"\\\\8b"} 9.0'
    )
    later = later.replace("} 6.0", "} 10.0").replace("} 3.5", "} 4.7")
    assert later != VLLM

    page.read(later)

    [(name, unit, dimensions, value, count)] = told(intake)
    assert ("vllm:time_to_first_token_seconds", "Seconds", (), 4) == (name, unit, dimensions, count)
    assert pytest.approx(0.3) == value


def test_a_histogram_without_an_infinite_bucket_is_refused_by_name():
    page, intake = make("h")
    text = '# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n'
    page.read(text)

    [sample] = intake.take()
    assert (inputs.AGENT_INPUT_REJECTED, 1) == (sample.metric, sample.value)


def histogram(le="1", inside="1", outside="2", total="1.5"):
    """A page of one histogram."""
    buckets = f'h_bucket{{le="{le}"}} {inside}\nh_bucket{{le="+Inf"}} {outside}\n'
    return f"# TYPE h histogram\n{buckets}h_sum {total}\nh_count {outside}\n"


def test_a_bound_that_is_no_number_is_named():
    page, _ = make("h")
    with pytest.raises(PageError, match='h_bucket: le="x" is not a number'):
        page.read(histogram(le="x"))


@pytest.mark.parametrize("odd", ["NaN", "Inf", "1e300"])
def test_a_bucket_that_is_no_count_is_refused_by_name(odd, caplog):
    page, intake = make("h")
    page.read(histogram())
    page.read(histogram(outside=odd))

    assert [] == told(intake)
    assert "h: a " in str(caplog.records[-1].reason)


def test_after_a_bucket_that_was_no_number_the_next_pages_are_taken():
    page, intake = make("h")
    for outside in ("NaN", "2"):
        page.read(histogram(outside=outside))
    page.read(histogram(inside="2", outside="3", total="2.0"))

    assert [("h", "None", (), 0.5, 1)] == told(intake)


def test_a_histogram_whose_sum_is_no_number_is_taken_without_it():
    page, intake = make("h")
    page.read(histogram(total="NaN"))
    page.read(histogram(inside="2", outside="3", total="NaN"))

    assert [("h", "None", (), 0.5, 1)] == told(intake)


def test_whatever_is_wrong_with_a_page_is_told_and_it_is_read_again(monkeypatch):
    pages = [histogram(le="x"), "h{ 1\n", "h one\n", histogram(), histogram()]
    page, _ = make("*")
    with loopback(lambda _: (200, pages.pop(0))) as server:
        target = Target(server.url, page, every_seconds=1)
        errors = []
        for _ in range(4):
            target.read()
            errors.append(target.error.removeprefix(f"{server.url}: "))
        monkeypatch.setattr(page, "read", lambda _: 1 / 0)
        target.read()
        target.close()

    assert 'h_bucket: le="x" is not a number' == errors[0]
    assert ["line 1", "line 1", ""] == [error.partition(":")[0] for error in errors[1:]]
    assert target.error.endswith(": ZeroDivisionError: division by zero")


def test_of_a_summary_the_sum_and_the_count_are_taken():
    page, intake = make("rpc_duration_seconds")
    page.read(VLLM)
    page.read(VLLM.replace("17.5", "18.5").replace("count 27", "count 29"))

    assert [
        ("rpc_duration_seconds_count", "Count", (), 2.0, 1),
        ("rpc_duration_seconds_sum", "Seconds", (), 1.0, 1),
    ] == told(intake)


def test_a_page_that_cannot_be_read_fails_the_round_after_what_the_others_said():
    intake = Intake("scrape", most_series=50, monotonic=FakeClock().monotonic)
    answers = {"/metrics": (200, "up 1\n"), "/gone?a=b": (500, "")}
    with loopback(lambda request: answers[request.path]) as server:
        targets = [
            Target(url, Page(metrics=("*",), labels=(), intake=intake, monotonic=lambda: 0.0), every_seconds=1)
            for url in (server.url, f"{server.url}/gone?a=b")
        ]
        for target in targets:
            target.read()
        scrape = Scrape(targets, intake=intake)
        with pytest.raises(ScrapeError, match=r"/gone\?a=b: status 500"):
            list(scrape.collect())
        scrape.close()

    assert "" == targets[0].error


def test_targets_are_read_by_threads_of_their_own():
    intake = Intake("scrape", most_series=50, monotonic=FakeClock().monotonic)
    with loopback(lambda _: (200, "up 1\n")) as server:
        page = Page(metrics=("*",), labels=(), intake=intake, monotonic=lambda: 0.0)
        scrape = Scrape([Target(server.url, page, every_seconds=300)], intake=intake)
        scrape.start()
        assert server.wait_for(lambda: len(server.requests) == 1)
        scrape.close()
