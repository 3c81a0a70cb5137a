"""The real rsyslogd with our configuration: a file grows and is rotated while the cluster is unreachable at times."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from elasticsearch import Elasticsearch

from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from tests.acceptance.commands import Terminal
from tests.integration.es_pipelines.ship.wire import Proxy
from tests.pipelines import LINE
from tests.servers import enrich_service, stop
from tests.waiting import WAIT_S, until

SHIPPERS = Path(__file__).resolve().parents[3] / "es_pipelines" / "shippers"
DAEMON = shutil.which("rsyslogd") or shutil.which("rsyslogd", path="/usr/sbin")
MODULES = [*Path("/usr/lib").glob("*/rsyslog/omelasticsearch.so"), *Path("/usr/lib64/rsyslog").glob("omelast*.so")]
MISSING = "rsyslogd" if DAEMON is None else "omelasticsearch" if not MODULES else ""

pytestmark = [
    pytest.mark.rsyslog,
    pytest.mark.skipif(bool(MISSING), reason=f"no rsyslogd: {MISSING} is absent (rsyslog, rsyslog-elasticsearch)"),
]


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """One engine is enough: tests/golden compares the pipelines on all of them."""
    return embedded_url


@pytest.fixture
def proxy(engine_url: str) -> Iterator[Proxy]:
    """A connection to the engine that can be cut."""
    with Proxy(engine_url) as proxy:
        yield proxy


class Daemon:
    """rsyslogd as Debian runs it: its own main file, which includes ours."""

    def __init__(self, folder: Path, proxy: Proxy, namespace: str) -> None:
        self.logs, self.spool = folder / "logs", folder / "spool"
        self.logs.mkdir()
        self.spool.mkdir()
        main = folder / "rsyslog.conf"
        main.write_text(
            f'global(workDirectory="{self.spool}")\ninclude(file="{SHIPPERS / "rsyslog.conf"}")\n', encoding="utf-8"
        )
        self._main, self._pid = main, folder / "rsyslogd.pid"
        self._log = folder / "rsyslogd.log"
        self.environment = {
            **os.environ,
            "ELASTICSEARCH_URL": proxy.url,
            "ELASTICSEARCH_USERNAME": "shipper",
            "ELASTICSEARCH_PASSWORD": "unused",
            "ELASTICSEARCH_CA_CERTS": "/etc/ssl/certs/ca-certificates.crt",
            "OVERSIGHT_NAMESPACE": namespace,
            "OVERSIGHT_FILES": str(self.logs / "*.csv"),
            "OVERSIGHT_SPOOL": str(self.spool),
        }

    def checked(self) -> str:
        """The messages of rsyslogd about the configuration."""
        words = [str(DAEMON), "-N1", "-f", str(self._main)]
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False, timeout=WAIT_S)
        return f"{done.returncode} {done.stderr}"

    def start(self) -> psutil.Popen:
        """Run it in the foreground."""
        words = [str(DAEMON), "-n", "-f", str(self._main), "-i", str(self._pid)]
        with self._log.open("ab") as output:
            return psutil.Popen(words, env=self.environment, stdout=output, stderr=subprocess.STDOUT)


@pytest.fixture
def daemon(tmp_path: Path, proxy: Proxy, namespace: str) -> Daemon:
    return Daemon(tmp_path, proxy, namespace)


def row(number: int) -> str:
    """A line that differs for each number."""
    return LINE.replace(",181,", f",{number},", 1)


def sources(es: Elasticsearch, namespace: str) -> list[dict[str, Any]]:
    es.indices.refresh(index=stream_name(namespace))
    hits = es.search(index=stream_name(namespace), size=2_000)["hits"]["hits"]
    return [hit["_source"] for hit in hits]


def test_rsyslogd_accepts_the_configuration(daemon: Daemon) -> None:
    """This version knows every parameter."""
    assert daemon.checked().startswith("0 ")
    assert "error" not in daemon.checked()


def test_every_line_of_a_growing_and_rotated_file_is_stored_and_predicted(
    terminal: Terminal, es: Elasticsearch, daemon: Daemon, proxy: Proxy, namespace: str
) -> None:
    """The cluster is unreachable for a while, the file is rotated meanwhile, and rsyslogd itself is restarted."""
    assert terminal.type("provision").returncode == 0
    path, late = daemon.logs / "alpha.csv", "not utf-8: "
    process = daemon.start()
    try:
        with path.open("ab", buffering=0) as output:
            output.writelines(f"{row(number)}\n".encode() for number in range(100))
            assert until(lambda: len(sources(es, namespace)) == 100)
            proxy.cut()
            output.writelines(f"{row(number)}\n".encode() for number in range(100, 200))
            path.rename(daemon.logs / "alpha.csv.1")
        with path.open("ab", buffering=0) as output:
            output.writelines(f"{row(number)}\n".encode() for number in range(200, 250))
            output.write(b"not utf-8: \xff\n")
        proxy.restore()
        assert until(lambda: len(sources(es, namespace)) == 251)
    finally:
        stop(process)
    with path.open("ab", buffering=0) as output:
        output.writelines(f"{row(number)}\n".encode() for number in range(250, 300))
    process = daemon.start()
    try:
        assert until(lambda: len(sources(es, namespace)) == 301)
    finally:
        stop(process)
    with enrich_service(DEFAULT_MODEL) as url:
        assert terminal.type("watch", "--once", OVERSIGHT_ENRICH_URL=url).returncode == 0
    stored = sources(es, namespace)
    lines = Counter(document["event"]["original"] for document in stored)
    assert lines == Counter([*(row(number) for number in range(300)), f"{late}?"])
    enriched = [document for document in stored if document["oversight"]["status"] == "enriched"]
    assert len(enriched) == 300
    assert all(document["oversight"]["prediction"]["label"] for document in enriched)
    assert {document["user"]["id"] for document in stored} == {"alpha"}
    assert {document["log"]["file"]["path"] for document in stored} == {str(path)}
