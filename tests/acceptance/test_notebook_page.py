"""The page "From your notebook to Elasticsearch" works as written: its Python code, its commands, its query."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from tests.acceptance.commands import Terminal
from tests.conftest import ROOT
from tests.servers import enrich_service
from tests.waiting import WAIT_S

PAGE = (ROOT / "docs" / "notebook-to-elasticsearch.md").read_text(encoding="utf-8")
NOT_HERE = ("pip", "export", "curl", "oversight serve")
"""Commands that the test replaces: it has its own environment and query, and a service that it stops."""


def commands() -> list[list[str]]:
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if not line.startswith(NOT_HERE)]


def test_the_page_leads_from_a_notebook_to_predictions(
    terminal: Terminal, es: Elasticsearch, namespace: str, tmp_path: Path
) -> None:
    pytest.importorskip("skl2onnx")
    code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    made = subprocess.run(
        [sys.executable, "-c", "".join(code)], cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert made.returncode == 0, made.stderr
    typed = commands()
    assert [words[0] for words in typed] == ["try", "predict", "evaluate", "provision", "ship", "watch", "status"]
    model = tmp_path / "build" / "tumours" / "model.onnx"
    for words in typed[:3]:
        done = terminal.type(*words)
        assert done.returncode == 0, f"{words}: {done.stderr}"
    n_rows = len((tmp_path / "tumours.csv").read_text().splitlines()) - 1
    scored = (tmp_path / "scored.csv").read_text().splitlines()
    assert (scored[0], len(scored)) == ("label,probability,reasons,error", n_rows + 1)
    with enrich_service(model) as url:
        mine = Terminal(tmp_path, {**terminal.settings, "OVERSIGHT_MODEL": str(model), "OVERSIGHT_ENRICH_URL": url})
        for words in typed[3:]:
            done = mine.type(*words)
            assert done.returncode == 0, f"{words}: {done.stderr}"
    stream = f"logs-oversight.tumours-{namespace}"
    es.indices.refresh(index=stream)
    alerts = es.search(index=stream, query={"term": {"event.kind": "alert"}}, size=1, track_total_hits=True)["hits"]
    assert alerts["total"]["value"] == sum(line.startswith("malignant,") for line in scored)
    prediction = alerts["hits"][0]["_source"]["oversight"]["prediction"]
    assert prediction["label"] == "malignant"
    assert prediction["reasons"]
