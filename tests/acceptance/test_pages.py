"""The commands of people.md, shippers.md, dashboards.md, provisioning.md and upgrade.md end with 0, as written.

Each page runs in a new installation of the embedded engine, with the files and documents that it speaks of.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from elasticsearch import Elasticsearch

from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import stream_name
from tests.acceptance.commands import Terminal, command
from tests.conftest import ROOT
from tests.kibana_server import fake_kibana
from tests.page_commands import command_blocks, simple_commands
from tests.pipelines import LINE
from tests.servers import enrich_service
from tests.tasks import ONE_SIGMOID, write_task
from tests.waiting import WAIT_S

pytestmark = [pytest.mark.parametrize("engine_url", ["embedded"], indirect=True)]
SCAN = LINE.replace("0,tcp,http,SF,181,5450", "0,tcp,private,REJ,0,0")


@pytest.fixture(scope="module")
def shipped_service() -> Iterator[str]:
    """Address of a service with the shipped model."""
    with enrich_service(DEFAULT_MODEL) as url:
        yield url


def type_page(name: str, terminal: Terminal, changed: Callable[[str], str] = str) -> int:
    """Run the commands of a page that have no mark, and return how many there are."""
    lines = [
        changed(line) for block in command_blocks(ROOT / "docs" / name) if not block.reason for line in block.lines
    ]
    for line in lines:
        output = b""
        for settings, words in simple_commands(line):  # several: a pipe
            output = run(terminal, {**settings}, words, output)
    return len(lines)


def run(terminal: Terminal, settings: dict[str, str], words: list[str], given: bytes) -> bytes:
    """Run one command, which must end with 0, and return its output."""
    if words[0] == "oversight" and not given:
        quick = terminal.type(*words[1:], **settings)
        assert quick.returncode == 0, f"{words}: {quick.stdout} {quick.stderr}"
        return quick.stdout.encode()
    program = command() if words[0] == "oversight" else [shutil.which(words[0]) or words[0]]
    done = subprocess.run(
        [*program, *words[1:]],
        input=given,
        cwd=terminal.folder,
        env={**terminal.environment, **settings},
        capture_output=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{words}: {done.stderr.decode()}"
    return done.stdout


def test_people(terminal: Terminal, es: Elasticsearch, namespace: str, shipped_service: str) -> None:
    (terminal.folder / "alice.csv").write_text(f"{LINE}\n{SCAN}\nno event\n", encoding="utf-8")
    terminal = replace(terminal, settings={**terminal.settings, "OVERSIGHT_ENRICH_URL": shipped_service})
    simulated = ["simulate", "--output", "logs", "--events", "200", "--seed", "7", "--label"]
    for words in (
        simulated,
        ["provision"],
        ["ship", "alice.csv", "logs/alpha.csv", "logs/delta.csv"],
        ["watch", "--once"],
    ):
        assert terminal.type(*words).returncode == 0
    stream = stream_name(namespace)
    es.indices.refresh(index=stream)
    (hit, *_) = es.search(index=stream, query={"term": {"event.kind": "alert"}})["hits"]["hits"]
    es.indices.create(index=f"flows-{namespace}", mappings={"properties": {"oversight.status": {"type": "keyword"}}})
    es.index(index=f"flows-{namespace}", document={"kdd99": {"duration": 1}}, refresh=True)

    def changed(line: str) -> str:
        return line.replace("7d14ae3d", hit["_id"]).replace("flows-*", f"flows-{namespace}*")

    assert type_page("people.md", terminal, changed) >= 10
    assert (terminal.folder / "verdicts.csv").exists()
    es.indices.delete(index=f"flows-{namespace}")


def test_shippers(terminal: Terminal) -> None:
    assert terminal.type("provision").returncode == 0
    for name in ("new-sensor.csv", "backlog.csv"):
        (terminal.folder / name).write_text(f"{LINE}\n{SCAN}\n", encoding="utf-8")
    (terminal.folder / "alpha.csv.gz").write_bytes(gzip.compress(f"{LINE}\n{SCAN}\n".encode()))
    assert type_page("shippers.md", terminal) >= 3
    assert terminal.json("status")["pending"] == 4


def test_dashboards(terminal: Terminal) -> None:
    with fake_kibana() as kibana:
        terminal = replace(terminal, settings={**terminal.settings, "KIBANA_URL": kibana.url})
        assert type_page("dashboards.md", terminal) >= 3


def test_provisioning(terminal: Terminal) -> None:
    model = write_task(terminal.folder, "one sigmoid", replace(ONE_SIGMOID, dataset="river"))
    (terminal.folder / "models" / "river").mkdir(parents=True)
    model.rename(terminal.folder / "models" / "river" / "model.onnx")
    (terminal.folder / "gauges.csv").write_text("pressure,noise\n4.0,30\n12.0,30\n", encoding="utf-8")
    assert type_page("provisioning.md", terminal) >= 4
    assert terminal.json("status", "--dataset", "river")["pending"] == 2


def test_upgrade(terminal: Terminal) -> None:
    assert type_page("upgrade.md", terminal) >= 1
