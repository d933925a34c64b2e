"""The page beside Prometheus itself, where it is installed (Debian: apt-get install prometheus)."""

import json
import shutil
import socket
import subprocess
import threading
import urllib.parse
import urllib.request

import pytest

from agent.sinks.prometheus import Page, Prometheus
from core.catalogue import host
from tests.agent.whole_host import WholeHost

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")
PATIENCE_SECONDS = 60


class CountedPage(Page):
    """Lets wait for a number of readings."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._read = 0
        self._changed = threading.Condition()

    def text(self):
        with self._changed:
            self._read += 1
            self._changed.notify_all()
        return super().text()

    def wait_for(self, readings):
        with self._changed:
            return self._changed.wait_for(lambda: self._read >= readings, PATIENCE_SECONDS)


@pytest.fixture
def page(tmp_path):
    here = WholeHost(tmp_path)
    page = CountedPage((("host", "h"),), monotonic=here.clock.monotonic)
    loop, _ = here.loop(here.host, observers=[page.observe])
    here.rounds(loop, 3)
    return page


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_promtool_reads_every_line_of_the_page(page):
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=page.text(), capture_output=True, text=True, check=False
    )

    # 3: it was read, and names do not follow Prometheus's habits: they are CloudWatch's.
    assert done.returncode in {0, 3}, done.stderr
    assert "error while linting" not in done.stderr


@pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed")
def test_prometheus_scrapes_what_the_agent_saw(page, tmp_path):
    load, written = (
        next(value for (name, dimensions), (_, value, _) in page._series.items() if (name, dimensions) == (metric, ()))
        for metric in (host.SYSTEM_LOAD1.name, host.DISKIO_WRITE_BYTES.name)
    )
    served = Prometheus(page, port=0)
    (tmp_path / "prometheus.yml").write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
                "scrape_configs": [
                    {"job_name": "agent", "static_configs": [{"targets": [f"127.0.0.1:{served.port}"]}]}
                ],
            }
        )
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(PROMETHEUS),
                f"--config.file={tmp_path}/prometheus.yml",
                f"--storage.tsdb.path={tmp_path}/data",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            scraped = page.wait_for(3)  # what one scrape read is stored before the next begins
            found = {
                query: ask(address, query) if scraped else None
                for query in (
                    'up{job="agent"}',
                    'system_load1{host="h"}',
                    "diskio_write_bytes_total",
                    "agent_heartbeat_total",
                )
            }
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
            served.close()

    assert {
        'up{job="agent"}': 1,
        'system_load1{host="h"}': load,
        "diskio_write_bytes_total": written,
        "agent_heartbeat_total": 3,
    } == found, (tmp_path / "log").read_text()[-2000:]


def ask(address, query):
    """The one value that a query gives."""
    url = f"http://{address}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:
        found = json.load(answer)["data"]["result"]
    [series] = [one for one in found if set(one["metric"]) <= {"__name__", "host", "instance", "job"}]
    return float(series["value"][1])
