"""A site measures its own profile from its log, and a service with it compares with the site in place of 1998."""

from __future__ import annotations

import json
import random
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from contract.shipped_models import shipped_path
from tests.acceptance.commands import Terminal
from tests.servers import enrich_service

MODEL = shipped_path("kdd99-flow")
PAGE = 50
CONNECTIONS = 1500


def conn_log(connections: int = CONNECTIONS) -> Iterator[dict[str, Any]]:
    """2,000 connections an hour as Zeek logs it: downloads over TLS, names, and a scan of ports at its end."""
    draw = random.Random(7)
    for number in range(connections):
        ended = 1_796_000_000 + number * 1.8
        is_scan, is_dns = number > connections - 200, draw.random() < 0.4
        host = "10.0.9.9" if is_scan else f"10.0.0.{draw.randint(2, 40)}"
        common = {"uid": f"C{number}", "id.orig_h": host, "id.orig_p": draw.randint(32_768, 60_999)}
        if is_scan:
            where = {"id.resp_h": "10.0.1.1", "id.resp_p": number, "proto": "tcp", "conn_state": "REJ"}
            sent, received, duration = 0, 0, 0.0002
        elif is_dns:
            where = {"id.resp_h": "10.0.1.2", "id.resp_p": 53, "proto": "udp", "conn_state": "SF", "service": "dns"}
            sent, received, duration = draw.randint(25, 60), draw.randint(60, 300), 0.02
        else:
            server = f"203.0.113.{draw.randint(1, 200)}"
            where = {"id.resp_h": server, "id.resp_p": 443, "proto": "tcp", "conn_state": "SF", "service": "ssl"}
            sent, received, duration = draw.randint(700, 9_000), draw.randint(20_000, 900_000), draw.uniform(1, 90)
        yield {
            "ts": ended - duration,
            **common,
            **where,
            "duration": duration,
            "orig_bytes": sent,
            "resp_bytes": received,
        }


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    """A folder with the log."""
    lines = "\n".join(map(json.dumps, conn_log()))
    (tmp_path / "conn.log").write_text(f"{lines}\n", encoding="utf-8")
    return Terminal(tmp_path, {})


def answers(url: str, documents: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[str, float]]:
    """All reasons of the predictions, and the drift by feature."""
    reasons: list[str] = []
    for begin in range(0, len(documents), PAGE):
        page = [{"id": each["event"]["id"], "source": each} for each in documents[begin : begin + PAGE]]
        for result in asked(f"{url}/v1/enrich", {"documents": page})["results"]:
            reasons += result["fields"]["oversight"]["prediction"].get("reasons", [])
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    drift = {
        line.split('"')[1]: float(line.rpartition(" ")[2])
        for line in lines
        if line.startswith("oversight_enrich_input_drift_psi{")
    }
    return reasons, drift


def asked(url: str, body: Mapping[str, Any]) -> Any:
    """The response of a service."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_reasons_and_drift_compare_with_the_site(terminal: Terminal) -> None:
    """The same traffic and the same model: far from 1998, and as usual for the site that measured it."""
    reported = terminal.type("sense", "--zeek", "conn.log", "--report", "--profile", "site.json")
    assert reported.returncode == 0, reported.stderr
    assert f"{CONNECTIONS:,} connections of conn.log (everything, less than an hour: " in reported.stdout
    assert "trained on KDD Cup 99, traffic of 1998" in reported.stdout
    assert "source.ip: 10.0.9.9; label: " in reported.stdout
    assert "Set OVERSIGHT_PROFILE=site.json and restart `oversight serve`" in reported.stdout

    sensed = terminal.type("sense", "--zeek", "conn.log", "--output", "-")
    documents = [json.loads(line) for line in sensed.stdout.splitlines()]
    assert len(documents) == CONNECTIONS
    with enrich_service(MODEL) as url:
        reasons, drift = answers(url, documents)
    with enrich_service(MODEL, env={"OVERSIGHT_PROFILE": str(terminal.folder / "site.json")}) as url:
        own_reasons, own_drift = answers(url, documents)

    assert drift.keys() == own_drift.keys()
    assert max(own_drift.values()) < 0.1, "nothing moved from the site's own usual values"
    assert sum(value > 0.25 for value in drift.values()) > 5, "many features are not what the model learned"

    assert len(own_reasons) == len(reasons) > 100
    assert [reason.split(";")[0] for reason in own_reasons] == [reason.split(";")[0] for reason in reasons]
    assert {reason for reason in own_reasons if "normal connections of this site" not in reason} == set()
    assert not any("of this site" in reason for reason in reasons)


def test_the_report_on_a_live_source_ends_by_itself_after_an_hour(terminal: Terminal) -> None:
    """The hour is that of the connections: a log that has more than an hour already is not waited for."""
    lines = list(map(json.dumps, conn_log(2600)))
    (terminal.folder / "long.log").write_text("\n".join([*lines, "half a li"]), encoding="utf-8")
    followed = terminal.type("sense", "--zeek", "long.log", "--follow", "--report")
    assert followed.returncode == 0, followed.stderr
    assert "recording one hour of traffic; Ctrl-C reports on what there is until then" in followed.stderr
    assert followed.stdout.startswith("2,001 connections of long.log (the first hour: ")


def test_what_a_report_needs_is_said(terminal: Terminal) -> None:
    """Traffic, the features of the model, and a report for a profile; each in one line, with what to do."""
    (terminal.folder / "empty.log").write_text("", encoding="utf-8")
    empty = terminal.type("sense", "--zeek", "empty.log", "--report")
    assert empty.returncode == 1
    assert "there is no connection to report on" in empty.stderr
    content = terminal.type("sense", "--zeek", "conn.log", "--report", OVERSIGHT_MODEL="kdd99-mlp")
    assert content.returncode == 64
    assert "cannot fill 15 features of the model kdd99-mlp: wrong_fragment, urgent, hot" in content.stderr
    alone = terminal.type("sense", "--zeek", "conn.log", "--profile", "site.json")
    assert alone.returncode == 2
    assert "--profile FILE is written by --report; add --report" in alone.stderr
