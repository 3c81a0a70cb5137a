"""`oversight ship` as a user types it: its output and its exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from es_pipelines.ship.shipper import ShipConfig, ship
from tests import warm
from tests.integration.es_pipelines.ship.conftest import originals
from tests.integration.es_pipelines.ship.test_follow import lines_of
from tests.integration.es_pipelines.ship.wire import Proxy
from tests.waiting import WAIT_S, until

OVERRIDES = "-dac_override,-dac_read_search"
AS_THE_MODE_SAYS = ("setpriv", f"--bounding-set={OVERRIDES}", f"--inh-caps={OVERRIDES}") if os.geteuid() == 0 else ()
"""Runs a command so that even root may read only what the mode of a file allows."""


@pytest.fixture
def engine_url(embedded_url: str) -> str:
    """One engine is enough: other tests cover the others without the command."""
    return embedded_url


@pytest.fixture
def environment(engine_url: str, namespace: str, tmp_path: Path) -> dict[str, str]:
    """Settings of the command."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("OVERSIGHT_", "ELASTICSEARCH_"))
    }
    ours = {
        "ELASTICSEARCH_URL": engine_url,
        "OVERSIGHT_NAMESPACE": namespace,
        "OVERSIGHT_STATE": str(tmp_path / "state"),
    }
    return {**inherited, **ours}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of one header line and two events."""
    path = tmp_path / "alpha.csv"
    path.write_bytes(b"duration,protocol_type\none\ntwo\n")
    return path


@pytest.fixture
def proxy(engine_url: str) -> Iterator[Proxy]:
    """A connection to the engine that can be cut."""
    with Proxy(engine_url) as proxy:
        yield proxy


def acknowledged(path: Path) -> int:
    """Number of the file's events that the registry records as stored."""
    registries = [json.loads(found.read_bytes()) for found in path.parent.glob("state/shipped-*.json")]
    return sum(entry["events"] for registry in registries for entry in registry["files"])


def start(
    environment: dict[str, str], *words: str | Path, before: Sequence[str] = (), **more: str
) -> subprocess.Popen[str]:
    """Start the command; `before` is a program that runs it."""
    command = [*before, sys.executable, "-m", "oversight", "ship", *map(str, words)]
    env = {**environment, **more}
    return subprocess.Popen(command, text=True, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(environment: dict[str, str], *words: str | Path, **more: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    done = warm.run("ship", *words, env={**environment, **more}, cwd=Path.cwd())
    return done.returncode, done.stdout, done.stderr


def test_the_result_is_a_table_or_json_and_a_second_run_adds_nothing(
    es: Elasticsearch, stream: str, environment: dict[str, str], path: Path
) -> None:
    code, output, _ = run(environment, path)
    assert code == 0
    assert f"2 events stored in {stream}" in output
    assert "`oversight status --namespace" in output.splitlines()[-1]
    assert str(path) in output
    code, output, _ = run(environment, path, "--json")
    again = json.loads(output)
    assert (code, again["stored"], again["already_there"], again["files"][0]["note"]) == (0, 0, 2, "nothing new")
    assert (again["refused"], again["files"][0]["refused"]) == (0, 0)
    with path.open("ab") as more:
        more.write(b"three\n")
    assert f"1 event stored in {stream}" in run(environment, path)[1]
    assert originals(es, stream) == ["one", "two", "three"]


def test_user_and_observer_can_be_named(
    es: Elasticsearch, stream: str, environment: dict[str, str], path: Path
) -> None:
    assert run(environment, path, "--user", "alice", "--observer", "fw1")[0] == 0
    es.indices.refresh(index=stream)
    document = es.search(index=stream)["hits"]["hits"][0]["_source"]
    assert (document["user"]["id"], document["observer"]["name"]) == ("alice", "fw1")


def test_a_file_that_cannot_be_read_is_one_line_and_the_others_are_shipped(
    es: Elasticsearch, stream: str, environment: dict[str, str], path: Path
) -> None:
    """A typing error, a link to a foreign secret, a file of the kernel: exit 1, one line each, never a traceback."""
    link = path.parent / "link.csv"
    link.symlink_to("/etc/shadow")
    code, output, errors = run(environment, path.parent / "missing.csv", link, "/proc/self/mem", path, "--json")
    report = json.loads(output)
    assert (code, report["stored"]) == (1, 2)
    assert len(errors.splitlines()) == 3
    assert "missing.csv cannot be read: there is no such file" in errors
    assert "link.csv is a symbolic link" in errors
    assert "/proc/self/mem cannot be read: Input/output error" in errors
    assert [bool(file["problem"]) for file in report["files"]] == [True, True, True, False]
    assert lines_of(es, stream) == ["one", "two"]


def test_without_a_readable_file_no_request_is_sent(environment: dict[str, str], path: Path) -> None:
    words = (path.parent / "missing.csv", path.parent)
    code, output, errors = run(environment, *words, ELASTICSEARCH_URL="http://127.0.0.1:9")
    assert (code, output) == (1, "")
    assert "missing.csv cannot be read" in errors.splitlines()[0]
    assert "is a folder" in errors.splitlines()[1]


def test_an_unreachable_engine_is_one_line_at_once(environment: dict[str, str], path: Path) -> None:
    code, output, errors = run(environment, path, ELASTICSEARCH_URL="http://127.0.0.1:9")
    assert (code, output) == (1, "")
    assert "cannot reach Elasticsearch at http://127.0.0.1:9" in errors.splitlines()[-1]
    assert "Traceback" not in errors


def test_an_outage_is_reported_and_followed_files_continue_afterwards(
    es: Elasticsearch, stream: str, environment: dict[str, str], path: Path, proxy: Proxy
) -> None:
    """SIGTERM ends the command cleanly: exit 0, the result on standard output, nothing lost."""
    with start(environment, "--follow", path, ELASTICSEARCH_URL=proxy.url) as process:
        assert until(lambda: lines_of(es, stream) == ["one", "two"])
        proxy.cut()
        with path.open("ab") as output:
            output.write(b"three\n")
        threading.Timer(1.5, proxy.restore).start()
        assert until(lambda: lines_of(es, stream) == ["one", "three", "two"])
        process.send_signal(signal.SIGTERM)
        printed, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 0
    assert "3 events stored" in printed
    assert "Elasticsearch cannot be reached; trying again in" in errors
    assert [line for line in errors.splitlines() if "trying again" not in line] == []


def test_a_timeout_ends_with_exit_1_and_says_that_nothing_is_lost(
    es: Elasticsearch, stream: str, environment: dict[str, str], path: Path, proxy: Proxy
) -> None:
    with start(environment, "--follow", path, "--timeout", "1", ELASTICSEARCH_URL=proxy.url) as process:
        assert until(lambda: acknowledged(path) == 2)
        proxy.cut()
        with path.open("ab") as output:
            output.write(b"three\n")
        printed, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert "2 events stored" in printed
    assert "nothing is lost: run the same command again later" in errors.splitlines()[-1]
    assert ship(es, [path], ShipConfig(stream, path.parent / "state")).stored == 1
    assert originals(es, stream) == ["one", "two", "three"]


def test_a_rotated_file_that_cannot_be_read_is_named_and_the_current_one_is_followed(
    es: Elasticsearch, stream: str, environment: dict[str, str], path: Path
) -> None:
    """The file is rotated and made private while no shipper runs. Readable again, only its new line is stored."""
    assert run(environment, path)[0] == 0
    with path.open("ab") as output:
        output.write(b"late\n")
    rotated = path.rename(path.with_name("alpha.csv.1"))
    rotated.chmod(0)
    path.write_bytes(b"three\n")
    with start(environment, "--follow", path, before=AS_THE_MODE_SAYS) as process:
        assert until(lambda: lines_of(es, stream) == ["one", "three", "two"])
        with path.open("ab") as output:
            output.write(b"four\n")
        assert until(lambda: lines_of(es, stream) == ["four", "one", "three", "two"])
        process.send_signal(signal.SIGTERM)
        printed, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode == 1
    assert "2 events stored" in printed
    assert len(errors.splitlines()) == 2, errors  # when it is found, and at the end
    assert all(f"{rotated} cannot be read: permission denied" in line for line in errors.splitlines())
    rotated.chmod(0o600)
    assert run(environment, rotated)[0] == 0
    assert lines_of(es, stream) == ["four", "late", "one", "three", "two"]
    assert run(environment, rotated, path, "--json")[0] == 0
    assert lines_of(es, stream) == ["four", "late", "one", "three", "two"]
