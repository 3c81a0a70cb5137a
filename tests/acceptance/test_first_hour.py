"""The scripts of docs/first-hour run as their users run them, to the end."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from oversight.demo.ports import free_port
from tests.acceptance.commands import OURS
from tests.conftest import ROOT
from tests.given_engines import PASSWORD
from tests.router import routed
from tests.waiting import WAIT_S

SCRIPTS = ROOT / "docs" / "first-hour"
PAGE = (ROOT / "docs" / "notebook-to-elasticsearch.md").read_text(encoding="utf-8")


def run(script: str, folder: Path, **settings: str) -> str:
    """Run a script in a folder, with `oversight` of this environment. It must succeed. Return its output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "/usr/bin:/bin")])
    done = subprocess.run(
        [SCRIPTS / script],
        cwd=folder,
        env={**inherited, "PATH": path, "OVERSIGHT_STATE": str(folder / "state"), **settings},
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_a_student_sees_what_the_model_found_and_what_it_does_not_know(tmp_path: Path) -> None:
    printed = run("student.sh", tmp_path, ENGINE_PORT=str(free_port()), CONSOLE_PORT=str(free_port()), EVENTS="200")
    assert "Predictions by label" in printed
    assert re.search(r"^  pending +0$", printed, re.MULTILINE)
    assert '"label": "neptune"' in printed
    assert '"label": "unknown"' in printed
    assert "false_positive, it is normal" in printed
    assert re.search(r"^  connection/(source|destination)\.ip=", printed, re.MULTILINE)
    assert "kdd99-mlp" in printed


@pytest.fixture
def cluster(opensearch_url: str, secured_url: str, namespace: str) -> Iterator[str]:
    """A cluster with security and pipelines: two engines behind one address."""
    with routed(opensearch_url, secured_url) as url:
        yield url
        with Elasticsearch(url, basic_auth=("elastic", PASSWORD)) as es:
            remove(es, namespace)


@pytest.mark.opensearch
@pytest.mark.elasticsearch
def test_an_administrator_gives_each_part_its_key_and_an_analyst_uses_one(
    cluster: str, namespace: str, tmp_path: Path
) -> None:
    installation = {"ELASTICSEARCH_URL": cluster, "OVERSIGHT_NAMESPACE": namespace}
    printed = run(
        "administrator.sh",
        tmp_path,
        ELASTICSEARCH_USERNAME="elastic",
        ELASTICSEARCH_PASSWORD=PASSWORD,
        ENRICH_PORT=str(free_port()),
        OVERSIGHT_WATCH_METRICS_BIND="127.0.0.1:0",
        **installation,
    )
    parts = {path.parent.name for path in tmp_path.glob("keys/*/key.env")}
    assert parts >= {"shipper", "watcher", "console", "analyst"}
    assert re.search(r"^  enriched +200$", printed, re.MULTILINE)
    assert re.search(r"^  pending +0$", printed, re.MULTILINE)
    assert PASSWORD not in printed + (tmp_path / "watch.log").read_text() + (tmp_path / "serve.log").read_text()
    judged = run(
        "analyst.sh",
        tmp_path,
        ELASTICSEARCH_API_KEY_FILE="keys/analyst/key.env",
        CONSOLE_PORT=str(free_port()),
        **installation,
    )
    assert '"signed_in":true' in judged
    rows = (tmp_path / "verdicts.csv").read_text().splitlines()
    assert len(rows) > 2
    assert any(row.endswith(",normal") for row in rows)


def test_a_data_scientist_gets_from_a_notebook_to_predictions(
    embedded_url: str, namespace: str, tmp_path: Path
) -> None:
    pytest.importorskip("skl2onnx")
    installation = {"ELASTICSEARCH_URL": embedded_url, "OVERSIGHT_NAMESPACE": namespace}
    with Elasticsearch(embedded_url, request_timeout=WAIT_S) as es:
        try:
            run("data-scientist.sh", tmp_path, ENRICH_PORT=str(free_port()), **installation)
            stream = f"logs-oversight.tumours-{namespace}"
            es.indices.refresh(index=stream)
            query = {"term": {"event.kind": "alert"}}
            alerts = es.search(index=stream, query=query, size=1, track_total_hits=True)["hits"]
        finally:
            remove(es, namespace)
    n_rows = len((tmp_path / "tumours.csv").read_text().splitlines()) - 1
    scored = (tmp_path / "scored.csv").read_text().splitlines()
    assert (scored[0], len(scored)) == ("label,probability,reasons,error", n_rows + 1)
    assert alerts["total"]["value"] == sum(line.startswith("malignant,") for line in scored)
    prediction = alerts["hits"][0]["_source"]["oversight"]["prediction"]
    assert prediction["label"] == "malignant"
    assert prediction["reasons"]


def test_a_maintainer_adds_a_panel_and_a_field(tmp_path: Path) -> None:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    printed = run("maintainer.sh", tmp_path)
    assert "| Highest risk | How bad is the worst alert? |" in printed
    assert "| `organization.name` | keyword |" in printed
    assert len(re.findall(r"^\d+ passed", printed, re.MULTILINE)) == 3


def test_the_page_for_data_scientists_has_the_commands_and_the_code_of_their_script() -> None:
    script = (SCRIPTS / "data-scientist.sh").read_text(encoding="utf-8")
    blocks = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    typed = [line.removeprefix("$ ").removesuffix(" &") for block in blocks for line in block.splitlines()]
    commands = [line for line in typed if line.startswith("oversight ")]
    assert len(commands) == 8
    assert [line for line in commands if line not in script] == []
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert (SCRIPTS / "tumours.py").read_text(encoding="utf-8").endswith(f'"""\n\n{code}')
