"""Connections that a site records already, from its logs, its captures and its index to predictions on each of them."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import scan

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from contract.shipped_models import shipped_path
from tests.acceptance.commands import Terminal, command
from tests.integration.watcher.proxy import Call, Reply, proxied
from tests.servers import enrich_service
from tests.waiting import WAIT_S, wait_until

FLOW_MODEL = "kdd99-flow"
BEGIN_S = 1_772_600_000.0
ATTACKER, VICTIM = "192.0.2.66", "198.51.100.7"
FLOOD, PAGES = 300, 60


@pytest.fixture(scope="module")
def flow_url() -> Iterator[str]:
    """Address of a service with the model that needs what a flow log has."""
    with enrich_service(shipped_path(FLOW_MODEL)) as url:
        yield url


@pytest.fixture
def site(terminal: Terminal, es: Elasticsearch, namespace: str, flow_url: str) -> Iterator[Terminal]:
    """A site that provisioned the model of flows."""
    settings = {"OVERSIGHT_MODEL": FLOW_MODEL, "OVERSIGHT_ENRICH_URL": flow_url}
    site = Terminal(terminal.folder, {**terminal.settings, **settings})
    assert site.type("provision").returncode == 0
    yield site
    remove(es, namespace, "flow")


def record(number: int, at_s: float, **values: Any) -> str:
    """A line of Zeek's conn.log in JSON."""
    found = {
        "ts": round(at_s, 6),
        "uid": f"C{number:017}",
        "id.orig_h": "198.51.100.20",
        "id.orig_p": 40_000 + number % 20_000,
        "id.resp_h": "203.0.113.80",
        "id.resp_p": 80,
        "proto": "tcp",
        "service": "http",
        "duration": 0.2,
        "orig_bytes": 230,
        "resp_bytes": 4_000,
        "conn_state": "SF",
        "history": "ShADadFf",
        "orig_pkts": 6,
        "orig_ip_bytes": 550,
        "resp_pkts": 7,
        "resp_ip_bytes": 4_380,
    }
    return json.dumps({name: value for name, value in (found | values).items() if value is not None})


def conn_log() -> list[str]:
    """Pages from a web site for a minute, then a flood of SYNs."""
    pages = [record(number, BEGIN_S + number) for number in range(PAGES)]
    syn: dict[str, Any] = {"service": None, "duration": None, "orig_bytes": None, "resp_bytes": None, "history": "S"}
    syn |= {"id.orig_h": ATTACKER, "id.resp_h": VICTIM, "conn_state": "S0", "id.resp_p": 23}
    syn |= {"orig_pkts": 1, "orig_ip_bytes": 40, "resp_pkts": 0, "resp_ip_bytes": 0}
    return pages + [record(1_000 + n, BEGIN_S + 90 + n / 250, **syn) for n in range(FLOOD)]


def eve_json() -> list[str]:
    """Look-ups of a minute, as Suricata writes them."""
    sides = {"src_ip": "192.0.2.1", "dest_ip": "198.51.100.2", "dest_port": 53, "proto": "UDP"}
    counts = {"bytes_toserver": 70, "bytes_toclient": 120, "pkts_toserver": 1, "pkts_toclient": 1}
    lines = []
    for second in range(60):
        at = f"2026-03-04T05:06:{second:02}.000000+0000"
        flow = {"start": at, "end": at, "state": "established", **counts}
        event = {"timestamp": at, "event_type": "flow", "flow_id": 1_000 + second, "src_port": 40_000 + second}
        lines.append(json.dumps({**event, **sides, "flow": flow}))
    return lines


def documents(es: Elasticsearch, namespace: str) -> list[dict[str, Any]]:
    """Everything in the site's stream, in the order of the records' ends."""
    stream = stream_name(namespace, "flow")
    es.indices.refresh(index=stream)
    found = [hit["_source"] for hit in scan(es, index=stream)]
    return sorted(found, key=lambda document: (document["event"]["end"], document["event"]["id"]))


def test_each_connection_of_a_log_gets_a_prediction_and_shows_its_machines(
    site: Terminal, es: Elasticsearch, namespace: str
) -> None:
    (site.folder / "conn.log").write_text("\n".join(conn_log()) + "\n", encoding="utf-8")
    shipped = site.json("sense", "--zeek", "conn.log", "--observer", "gate")
    assert (shipped["stored"], shipped["refused"], shipped["late"]) == (FLOOD + PAGES, 0, 0)
    assert site.type("watch", "--once").returncode == 0

    found = documents(es, namespace)
    assert Counter(document["oversight"]["status"] for document in found) == {"enriched": FLOOD + PAGES}
    flood = [document for document in found if document["source"]["ip"] == ATTACKER]
    labels = Counter(document["oversight"]["prediction"]["label"] for document in flood)
    assert labels["neptune"] > FLOOD * 0.9, labels
    last = flood[-1]
    assert last["destination"] == {"ip": VICTIM, "port": 23, "bytes": 0, "packets": 0}
    assert last["observer"]["name"] == "gate"
    assert last["network"]["community_id"].startswith("1:")
    assert last["event"]["id"] == f"C{1_000 + FLOOD - 1:017}"
    assert last["kdd99"]["count"] == last["kdd99"]["srv_count"] == FLOOD
    assert {"wrong_fragment", "urgent", "hot"} <= set(last["oversight"]["sensor"]["unavailable"])
    assert not {"wrong_fragment", "urgent", "hot"} & set(last["kdd99"])
    page = next(document for document in found if document["source"]["ip"] != ATTACKER)
    assert page["event"]["duration"] == 200_000_000
    assert page["network"]["protocol"] == "http"
    assert (page["source"]["bytes"], page["destination"]["bytes"], page["network"]["bytes"]) == (230, 4_000, 4_230)
    assert "user" not in page


def test_the_same_records_are_stored_once_whatever_was_rotated_in_between(
    site: Terminal, es: Elasticsearch, namespace: str
) -> None:
    lines = conn_log()
    log = site.folder / "conn.log"
    log.write_text("\n".join(lines[:50]) + "\n", encoding="utf-8")
    assert site.json("sense", "--zeek", "conn.log")["stored"] == 50
    log.rename(site.folder / "conn.1.log")
    log.write_text("\n".join(lines[50:]) + "\n", encoding="utf-8")
    again = site.json("sense", "--zeek", "conn.log", "conn.1.log")
    assert (again["stored"], again["already_there"]) == (len(lines) - 50, 50)
    alone = site.json("sense", "--zeek", "conn.log")  # its windows begin empty: the same records all the same
    assert (alone["stored"], alone["already_there"]) == (0, len(lines) - 50)
    assert len(documents(es, namespace)) == len(lines)


def test_after_a_kill_two_processes_at_once_store_each_record_once(
    site: Terminal, es: Elasticsearch, namespace: str
) -> None:
    number = 300
    lines = [record(at, BEGIN_S + at / 10) for at in range(number)]
    (site.folder / "conn.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    killed = site.start("sense", "--zeek", "conn.log", log=site.folder / "killed.log")
    stream = stream_name(namespace, "flow")
    wait_until(lambda: es.count(index=stream, ignore_unavailable=True)["count"] > 0, "the first records")
    killed.kill()
    killed.wait()
    words = ("sense", "--zeek", "conn.log", "--timeout", "60")
    both = [site.start(*words, log=site.folder / f"{name}.log") for name in "ab"]
    assert [process.wait(WAIT_S) for process in both] == [0, 0]
    ids = [document["event"]["id"] for document in documents(es, namespace)]
    assert (len(ids), len(set(ids))) == (number, number)


@pytest.mark.parametrize("status", [429, 503])
def test_an_overloaded_cluster_costs_a_wait_and_never_a_record(
    site: Terminal, es: Elasticsearch, namespace: str, status: int
) -> None:
    """The first request is refused before it reaches the cluster; the second one after the cluster stored it."""
    lines = conn_log()
    (site.folder / "conn.log").write_text("\n".join(lines) + "\n", encoding="utf-8")
    refusals: list[Call] = []

    def overload(call: Call, forward: Callable[[], Reply]) -> Reply:
        if not call.path.partition("?")[0].endswith("_bulk") or len(refusals) >= 2:
            return forward()
        if len(refusals) == 1:
            forward()
        refusals.append(call)
        error = {"error": {"type": "es_rejected_execution_exception", "reason": "overloaded"}, "status": status}
        headers = {"content-type": "application/json", "x-elastic-product": "Elasticsearch"}
        return Reply(status, json.dumps(error).encode(), headers)

    with proxied(site.settings["ELASTICSEARCH_URL"]) as proxy:
        through = Terminal(site.folder, {**site.settings, "ELASTICSEARCH_URL": proxy.url})
        proxy.fault = overload
        shipped = through.json("sense", "--zeek", "conn.log")
    assert len(refusals) == 2
    assert (shipped["stored"] + shipped["already_there"], shipped["refused"]) == (len(lines), 0)
    ids = [document["event"]["id"] for document in documents(es, namespace)]
    assert (len(ids), len(set(ids))) == (len(lines), len(lines))


def test_a_model_that_needs_more_than_the_source_knows_is_refused_before_the_first_record(
    terminal: Terminal, es: Elasticsearch, namespace: str
) -> None:
    assert terminal.type("provision").returncode == 0
    (terminal.folder / "conn.log").write_text("\n".join(conn_log()) + "\n", encoding="utf-8")
    done = terminal.type("sense", "--zeek", "conn.log")
    assert done.returncode == 64, done.stdout + done.stderr
    for word in ("conn.log", "kdd99-mlp", "wrong_fragment", "logged_in", "OVERSIGHT_MODEL=kdd99-flow", "provision"):
        assert word in done.stderr
    es.indices.refresh(index=stream_name(namespace), ignore_unavailable=True)
    assert es.count(index=stream_name(namespace), ignore_unavailable=True)["count"] == 0


def test_lines_are_what_is_stored_and_a_record_is_explained(site: Terminal, es: Elasticsearch, namespace: str) -> None:
    (site.folder / "conn.log").write_text("\n".join(conn_log()) + "\n", encoding="utf-8")
    assert site.json("sense", "--zeek", "conn.log", "--output", "records.jsonl")["records"] == FLOOD + PAGES
    lines = (site.folder / "records.jsonl").read_text(encoding="utf-8").splitlines()
    assert site.json("sense", "--zeek", "conn.log")["stored"] == FLOOD + PAGES
    assert sorted(lines) == sorted(document["event"]["original"] for document in documents(es, namespace))

    uid = json.loads(lines[-1])["event"]["id"]
    explained = site.json("sense", "--zeek", "conn.log", "--explain", uid)
    recent = explained["windows"][0]
    assert recent["columns"]["count"] == len(recent["connections"]) == FLOOD
    text = site.type("sense", "--zeek", "conn.log", "--explain", uid).stdout
    assert f"{ATTACKER}:" in text
    assert "count 300" in text
    missing = site.type("sense", "--zeek", "conn.log", "--explain", "Cnone")
    assert (missing.returncode, "Cnone" in missing.stderr) == (1, True)


def test_documents_of_an_index_become_records(site: Terminal, es: Elasticsearch, namespace: str) -> None:
    index = f"flows-{namespace}"
    for number in range(3):
        es.index(
            index=index,
            id=f"d{number}",
            document={
                "@timestamp": f"2026-03-04T05:06:{number:02}.000Z",
                "event": {
                    "start": f"2026-03-04T05:06:{number:02}.000Z",
                    "end": f"2026-03-04T05:06:{number + 5:02}.000Z",
                },
                "source": {"ip": "192.0.2.1", "port": 40_000 + number, "bytes": 500, "packets": 5},
                "destination": {"ip": "198.51.100.2", "port": 53, "bytes": 900, "packets": 4},
                "network": {"transport": "udp"},
            },
        )
    es.index(index=index, id="odd", document={"message": "no flow"}, refresh=True)
    try:
        shipped = site.json("sense", "--index", index)
        assert shipped["stored"] == 3
        assert len(shipped["notes"]) == 1
        again = site.json("sense", "--index", index)
        assert (again["stored"], again["already_there"]) == (0, 3)
    finally:
        es.options(ignore_status=404).indices.delete(index=index)
    assert {document["destination"]["ip"] for document in documents(es, namespace)} == {"198.51.100.2"}


def piped(folder: Path, content: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Run `sense` with a pipe as its standard input."""
    environment = Terminal(folder, {}).environment
    return subprocess.run(
        command("sense", *words), input=content, capture_output=True, cwd=folder, env=environment, check=False
    )


@pytest.mark.parametrize(("source", "lines"), [("--zeek", conn_log()), ("--suricata", eve_json())])
def test_a_log_on_standard_input_gives_the_same_records_as_its_file(
    tmp_path: Path, source: str, lines: list[str]
) -> None:
    """Lines come in pieces of a pipe, and a bad one is named with its number."""
    content = ("\n".join([lines[0], "half a line", *lines[1:]]) + "\n").encode()
    (tmp_path / "a.log").write_bytes(content)
    done = piped(tmp_path, content, source, "-", "--output", "piped.jsonl")
    assert done.returncode == 0, done.stderr
    assert b"standard input, line 2" in done.stderr
    assert piped(tmp_path, b"", source, "a.log", "--output", "file.jsonl").returncode == 0
    records = (tmp_path / "piped.jsonl").read_text(encoding="utf-8")
    assert len(records.splitlines()) == len(lines)
    assert records == (tmp_path / "file.jsonl").read_text(encoding="utf-8")


def test_standard_input_that_is_no_log_is_one_line(tmp_path: Path) -> None:
    packed = gzip.compress("\n".join(conn_log()).encode())
    for words, says in (
        (("--zeek", "-"), b"zcat FILE | oversight sense --zeek -"),
        (("--pcap", "-"), b"--pcap reads files"),
        (("--zeek", "-", "other.log"), b"give it alone"),
        (("--zeek", "-", "--follow"), b"give it alone"),
    ):
        done = piped(tmp_path, packed, *words, "--output", "-")
        assert done.returncode in (1, 2)
        assert says in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_live_source_says_at_the_start_which_connections_come_late(tmp_path: Path) -> None:
    user = Terminal(tmp_path, {})
    (tmp_path / "conn.log").write_text("\n".join(conn_log()) + "\n", encoding="utf-8")
    said = {}
    for late in ("65", "305"):
        log = tmp_path / f"{late}.txt"
        words = ("sense", "--zeek", "conn.log", "--follow", "--late", late, "--output", f"{late}.jsonl")
        process = user.start(*words, log=log)
        wait_until(lambda: (tmp_path / f"{late}.jsonl").exists(), "the command to start")  # noqa: B023
        process.terminate()
        assert process.wait(WAIT_S) == 0, log.read_text()
        said[late] = log.read_text()
    assert "each record is sent 65 s after its connection ended" in said["65"]
    assert "known only 300 s after its last packet" in said["65"]
    assert "--late 305" in said["65"]
    assert "known only" not in said["305"]


def test_wrong_use_is_one_line(tmp_path: Path) -> None:
    user = Terminal(tmp_path, {})
    (tmp_path / "conn.log").write_text("\n".join(conn_log()) + "\n", encoding="utf-8")
    for words, says in (
        (("conn.log",), "--zeek"),
        (("--zeek",), "--zeek needs files"),
        (("--zeek", "conn.log", "--index", "x"), "one source"),
        (("--pcap", "conn.log", "--follow"), "--follow is for"),
    ):
        done = user.type("sense", *words)
        assert done.returncode == 2, done.stderr
        assert says in done.stderr
    for words, says in (
        (("--zeek", "missing.log", "--output", "-"), "missing.log"),
        (("--zeek", "conn.log", "--output", "missing/out"), "cannot write missing/out (No such file or directory)"),
        (("--pcap", "conn.log", "--output", "-"), "conn.log is no capture"),
    ):
        done = user.type("sense", *words)
        assert done.returncode == 1, done.stderr
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1
