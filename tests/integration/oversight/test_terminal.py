"""Commands as processes, at a terminal and in a pipe: no foreign text reaches the terminal as a control character."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from contract.documents.fields import stream_name
from tests.waiting import WAIT_S

ESC = "\x1b]0;owned\x07\x9b8m\u202e"
SHOWN = re.compile(r"\\(u00|x)1b\]0;owned\\(u00|x)07\\(u00|x)9b8m\\u202e")
"""In our own escapes, or in Python's where a message quotes an argument."""
OURS = re.compile(r"\x1b\[[0-9;]*[mAK]|\x1b\[\?25[lh]|\r")
"""The sequences of our own tables and bars: colours, and moves of the cursor."""
ROW = ",".join(["0", "tcp", "http", "SF", "181", "5450", *["0"] * 35])


@pytest.fixture
def environment(embedded_url: str, tmp_path: Path, namespace: str) -> dict[str, str]:
    """A stream whose labels and error types are an attacker's text."""
    given = {
        "PATH": os.environ["PATH"],
        "TERM": "xterm",
        "COLUMNS": "240",
        "HOME": str(tmp_path),
        "ELASTICSEARCH_URL": embedded_url,
        "OVERSIGHT_NAMESPACE": namespace,
        "OVERSIGHT_STATE": str(tmp_path / "state"),
    }
    in_a_pipe(["provision"], given, tmp_path)
    with Elasticsearch(embedded_url) as es:
        for number, status in enumerate(("enriched", "failed")):
            document = {
                "@timestamp": "2026-01-01T00:00:00Z",
                "oversight": {"status": status, "prediction": {"label": f"normal{ESC}\nneptune"}},
                "error": {"type": f"missing{ESC}"},
            }
            es.index(index=stream_name(namespace), id=str(number), document={"message": ROW})
            # No pipeline guards our fields against a bulk update like the watcher's.
            update: list[dict[str, Any]] = [{"update": {"_id": str(number)}}, {"doc": document}]
            assert not es.bulk(index=stream_name(namespace), operations=update, refresh=True)["errors"]
    return given


@pytest.mark.parametrize("at_a_terminal", [True, False])
def test_control_characters_in_foreign_text_are_escaped(
    environment: dict[str, str], tmp_path: Path, *, at_a_terminal: bool
) -> None:
    file = tmp_path / f"a{ESC}\nb.csv"
    file.write_text(f"{ROW}\n", encoding="utf-8")
    run = on_a_terminal if at_a_terminal else in_a_pipe
    for words, code in (
        (["status"], 0),
        (["status", "--json"], 0),
        (["ship", str(file)], 0),
        (["ship", str(file) + ".absent"], 1),
        (["verdict", f"x{ESC}", "true_positive"], 1),
        (["labels", f"y{ESC}"], 2),
        (["retry", "--dry-run"], 0),
    ):
        output, ended = run(words, environment, tmp_path)
        assert ended == code, output
        left = OURS.sub("", output)
        assert SHOWN.search(left), (words, output)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", left), (words, left)


def in_a_pipe(words: list[str], environment: dict[str, str], folder: Path) -> tuple[str, int]:
    """The output of a command, including standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "oversight", *words],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=WAIT_S,
    )
    return done.stdout.decode(), done.returncode


def on_a_terminal(words: list[str], environment: dict[str, str], folder: Path) -> tuple[str, int]:
    """The output of a command whose two outputs are a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "oversight", *words],
        env=environment,
        cwd=folder,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        found = b""
        try:
            while chunk := os.read(ours, 65536):
                found += chunk
        except OSError:  # Linux raises it when the other end is closed
            pass
        finally:
            os.close(ours)
        return found.decode(), process.wait(timeout=WAIT_S)
