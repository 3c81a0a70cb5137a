"""`oversight simulate` as a user types it; in its own process if signals, settings or another run matter."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import ApiError, Elasticsearch

from contract.documents.fields import stream_name
from contract.kdd99.columns import ADDRESSES, COLUMNS, LABELS
from sensor.capture.counts import Counts
from sensor.capture.files import read
from sensor.capture.tracker import track
from sensor.flow import Flow
from tests import warm
from tests.here import oversight_here
from tests.waiting import WAIT_S, until

COMMAND = (sys.executable, "-c", "from oversight.cli import main; main()", "simulate")


def run(*arguments: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return warm.run("simulate", *map(str, arguments), env={**os.environ, **(env or {})}, cwd=Path.cwd())


def test_the_command_writes_one_csv_a_user_and_says_what_is_in_them(tmp_path: Path) -> None:
    """Every line has the 41 columns and the addresses, and the summary agrees with the files."""
    ended = run("--output", tmp_path, "--events", 300, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    said = json.loads(ended.stdout)
    assert (said["events"], {user["user"] for user in said["users"]}) == (300, {"alpha", "bravo", "charlie", "delta"})
    for user in said["users"]:
        with Path(user["file"]).open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == [*COLUMNS, *ADDRESSES]
        assert {len(row) for row in rows} == {45}
        assert len(rows) - 1 == user["events"]
    assert sum(scenario["events"] for scenario in said["scenarios"]) == 300


def test_labels_on_request_are_those_of_kdd(tmp_path: Path) -> None:
    """The last column ends in a full stop, as in KDD's files, and holds names that the model knows."""
    assert oversight_here("simulate", "--output", tmp_path, "--events", 300, "--label").returncode == 0
    lines = [line for path in tmp_path.glob("*.csv") for line in path.read_text().splitlines()[1:]]
    found = Counter(line.rsplit(",", 1)[1] for line in lines)
    assert set(found) <= {f"{label.name}." for label in LABELS}
    assert {"normal.", "neptune.", "smurf.", "guess_passwd.", "buffer_overflow.", "satan."} <= set(found)


def test_a_file_of_an_earlier_version_names_the_option_that_continues_it(tmp_path: Path) -> None:
    """Its header has no addresses. With the option it grows as before."""
    words = ("--output", tmp_path, "--events", 200)
    assert run(*words, "--no-addresses").returncode == 0
    ended = run(*words)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "or continue this file with --no-addresses" in ended.stderr
    assert run(*words, "--no-addresses").returncode == 0
    assert {line.count(",") for path in tmp_path.glob("*.csv") for line in path.read_text().splitlines()} == {40}


def test_the_same_seed_writes_the_same_files(tmp_path: Path) -> None:
    """In another process, at another time."""
    words = ("--events", 200, "--seed", 5)
    assert run("--output", tmp_path / "one", *words).returncode == 0
    assert oversight_here("simulate", "--output", tmp_path / "two", *words).returncode == 0
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).glob("*.csv")} for name in ("one", "two"))
    assert one == two


def test_a_capture_has_the_same_connections(tmp_path: Path) -> None:
    """Its flows are those of the lines, and the last one ended when the command started."""
    began_s = time.time()
    path = tmp_path / "round.pcap"
    ended = run("--output", tmp_path, "--events", 300, "--capture", path, "--json")
    assert (ended.returncode, ended.stderr) == (0, "")
    flows, counts = followed(path)
    assert json.loads(ended.stdout)["capture"] == {"file": str(path), "packets": counts.packets}
    assert began_s - 1 < max(flow.ended_s for flow in flows) < time.time() + 1
    assert of_tcp(flows) == tcp_lines(tmp_path)


def test_after_ctrl_c_the_capture_has_what_the_lines_have(tmp_path: Path) -> None:
    """Not the round's other connections."""
    path = tmp_path / "round.pcap"
    options = ("--output", tmp_path, "--rate", "200", "--capture", path)
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert until(lambda: tcp_lines(tmp_path).total() >= 20)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=WAIT_S)
    assert process.returncode == 130
    assert of_tcp(followed(path)[0]) == tcp_lines(tmp_path)


def followed(path: Path) -> tuple[list[Flow], Counts]:
    counts = Counts()
    return [flow for found in track(read([path], counts), counts) for flow in found], counts


def of_tcp(flows: list[Flow]) -> Counter[tuple[str, ...]]:
    return Counter(
        (flow.source, str(flow.source_port), flow.destination, str(flow.destination_port), str(flow.source_bytes))
        for flow in flows
        if flow.protocol == "tcp"
    )


def tcp_lines(folder: Path) -> Counter[tuple[str, ...]]:
    """Both machines with their ports, and `src_bytes`, of the whole lines."""
    texts = [path.read_text().rpartition("\n")[0] for path in folder.glob("*.csv")]
    lines = [line.split(",") for text in texts for line in text.split("\n")[1:]]
    return Counter((*line[41:45], line[4]) for line in lines if line[1] == "tcp")


@pytest.mark.parametrize(("endless", "code"), [(("--loop",), 0), ((), 130)])
def test_ctrl_c_ends_the_writing_between_two_lines_with_a_summary(
    tmp_path: Path, endless: tuple[str, ...], code: int
) -> None:
    """Ctrl-C ends a loop and cuts a single round short; both leave only whole lines."""
    with subprocess.Popen(
        [*COMMAND, "--output", tmp_path, "--rate", "200", "--json", *endless], stdout=subprocess.PIPE, text=True
    ) as process:
        assert until(lambda: sum(path.read_bytes().count(b"\n") for path in tmp_path.glob("*.csv")) >= 50)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=WAIT_S)
    lines = [line for path in tmp_path.glob("*.csv") for line in path.read_bytes().splitlines(keepends=True)]
    assert process.returncode == code
    assert all(line.endswith(b"\n") and line.count(b",") == 44 for line in lines)
    assert json.loads(out)["events"] == len(lines) - len(list(tmp_path.glob("*.csv")))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--events", "10"), 2, "10 is not in the range x>=200"),
        (("--loop", "--capture", "x.pcap"), 2, "--loop has no end"),
        (("--capture", "no/folder/x.pcap"), 1, "cannot write no/folder/x.pcap"),
        (("--rate", "0"), 2, "0.0 is not in the range x>0"),
        (("--user", "../x"), 1, "cannot be used as a file name"),
    ],
)
def test_wrong_use_is_said_in_a_line(tmp_path: Path, arguments: tuple[str, ...], code: int, message: str) -> None:
    """Nothing is written."""
    ended = oversight_here("simulate", "--output", tmp_path / "logs", *arguments)
    assert (ended.returncode, (tmp_path / "logs").exists()) == (code, False)
    assert message in ended.stderr


@pytest.fixture
def stream(es: Elasticsearch, namespace: str) -> Iterator[str]:
    """A stream with a pipeline that keeps the line and drops headers; shipping needs nothing else."""
    name = stream_name(namespace)
    processors: list[dict[str, Any]] = [
        {"drop": {"if": "ctx.message != null && ctx.message.startsWith('duration,')"}},
        {"set": {"field": "@timestamp", "value": "{{{_ingest.timestamp}}}"}},
        {"rename": {"field": "message", "target_field": "event.original"}},
    ]
    es.ingest.put_pipeline(id=f"oversight-sim-{namespace}", processors=processors)
    keyword = {"type": "keyword", "index": False, "doc_values": False}
    mappings = {"dynamic": False, "properties": {"event": {"properties": {"original": keyword}}}}
    settings = {"index.default_pipeline": f"oversight-sim-{namespace}", "number_of_replicas": 0}
    es.indices.put_index_template(
        name=f"oversight-sim-{namespace}",
        index_patterns=[name],
        priority=1000,
        data_stream={},
        template={"settings": settings, "mappings": mappings},
    )
    yield name
    with contextlib.suppress(ApiError):
        es.indices.delete_data_stream(name=name)
    es.indices.delete(index=name, ignore_unavailable=True)
    es.indices.delete_index_template(name=f"oversight-sim-{namespace}")
    es.ingest.delete_pipeline(id=f"oversight-sim-{namespace}")


def test_lines_are_shipped_while_they_are_written_each_once(
    es: Elasticsearch, engine_url: str, namespace: str, stream: str, tmp_path: Path
) -> None:
    """Shipping begins long before the writing ends; at the end the stream has the same lines as the files."""
    folder = tmp_path / "logs"
    env = {
        **os.environ,
        "ELASTICSEARCH_URL": engine_url,
        "OVERSIGHT_NAMESPACE": namespace,
        "OVERSIGHT_STATE": str(tmp_path / "state"),
    }
    arguments = ["--output", str(folder), "--events", "400", "--rate", "160", "--ship", "--json"]
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, text=True, env=env) as process:
        early = 0
        while process.poll() is None and not early:
            with contextlib.suppress(ApiError):  # no document, no stream yet
                es.indices.refresh(index=stream)
                early = es.count(index=stream)["count"]
            time.sleep(0.1)
        out, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert 0 < early < 400
    said = json.loads(out)
    assert (said["events"], said["stored"], said["refused"]) == (400, 400, 0)
    es.indices.refresh(index=stream)
    hits = es.search(index=stream, size=1000)["hits"]["hits"]
    written = [line for path in folder.glob("*.csv") for line in path.read_text().splitlines()[1:]]
    assert Counter(hit["_source"]["event"]["original"] for hit in hits) == Counter(written)


def test_without_a_stream_nothing_is_written(engine_url: str, namespace: str, tmp_path: Path) -> None:
    """Shipping checks first, so a missing stream is reported before any line is written."""
    env = {
        "ELASTICSEARCH_URL": engine_url,
        "OVERSIGHT_NAMESPACE": namespace,
        "OVERSIGHT_STATE": str(tmp_path / "state"),
    }
    ended = run("--output", tmp_path / "logs", "--ship", env=env)
    assert (ended.returncode, ended.stdout, (tmp_path / "logs").exists()) == (1, "", False)
    assert "oversight provision" in ended.stderr
