"""The report: readable by a tired person, complete as JSON, and it writes the profile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from contract.artifact.site_profile import read_profile
from contract.errors import InputError
from enrich_service.model.artifact import Artifact
from oversight.commands.sense_report import report
from oversight.first_hour import hour as module
from sensor.stream import Sensed
from tests.sensing import changed, people, simulated
from watcher.write.suppression import parse


@pytest.fixture(scope="module")
def traffic() -> list[Sensed]:
    """A day with attacks, a flow without its state, and some with approximate features."""
    flows = list(simulated(3000))
    flows[0] = structs.replace(flows[0], unavailable=("flag",))
    return [
        structs.replace(each, approximate=("count",)) if number % 9 == 8 else each for number, each in enumerate(flows)
    ]


@pytest.fixture
def text(traffic: list[Sensed], flow_model: Artifact, capsys: pytest.CaptureFixture[str]) -> str:
    """The report on that traffic."""
    name = ", ".join(f"/opt/zeek/logs/2026-11-30/conn.{hour:02}.log.gz" for hour in range(24))
    report(traffic, flow_model, source=name, profile=None, as_json=False)
    return capsys.readouterr().out


def test_the_report_fits_on_a_screen(text: str) -> None:
    """30 lines and 120 columns at most, with everything that it can say."""
    lines = text.splitlines()
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 120, max(lines, key=len)


def test_the_report_says_what_was_seen_and_what_to_do(text: str) -> None:
    """Connections, novelty, alerts, drift; and the four things to do, with the commands."""
    for part in (
        "connections of /opt/zeek/logs/2026-11-30/con… (the first hour: 2026-11-30T10:00:0",
        "model kdd99-flow ",
        "trained on KDD Cup 99, traffic of 1998",
        "1 without a prediction, the first because field 'kdd99.flag' is missing",
        "with features that the source knows only approximately",
        "Unlike anything in training: ",
        "  most in these services: ",
        "Alerts: ",
        "features are not what the model learned (PSI above 0.25; below 0.1 nothing moved)",
        "training: median (most)",
        "Treat the verdicts with care: normal traffic here differs from that of KDD Cup 99, traffic of 1998.",
        "    source.ip: 10.0.9.",
        "OVERSIGHT_SUPPRESS",
        "`oversight train --features flow --data FILE`",
        "Run this again with --profile FILE",
    ):
        assert part in text, part


def test_traffic_shorter_than_an_hour_is_said_to_be_that(
    flow_model: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what could not be measured, with the reason."""
    report(list(people(300))[:50], flow_model, source="eth0", profile=None, as_json=False)
    text = capsys.readouterr().out
    assert text.startswith("50 connections of eth0 (everything, less than an hour: ")
    assert "Drift: not measured, because only " in text
    assert "it needs 500" in text
    assert "50 connections are too few to compare with training. Report on a busier hour." in text


def test_traffic_that_is_nearly_all_alerts_is_not_called_like_training(
    flow_model: Artifact, capsys: pytest.CaptureFixture[str]
) -> None:
    """A flood leaves too few harmless connections for the drift, and is in training itself, so it is not novel."""
    flood = [each for each in simulated(3000) if each.columns[3] == "S0"] * 3
    report(flood[:1200], flow_model, source="x", profile=None, as_json=False)
    text = capsys.readouterr().out
    assert "Treat the verdicts with care" in text
    assert "much like training" not in text


def test_the_json_has_every_figure(
    traffic: list[Sensed], flow_model: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All features and services, not only the first ones; and the profile is written."""
    site = tmp_path / "site.json"
    report(traffic, flow_model, source="conn.log", profile=site, as_json=True)
    page = json.loads(capsys.readouterr().out)
    assert page["connections"] == page["predicted"] + 1
    assert page["is_whole_hour"] is True
    assert len(page["drift"]) == len(flow_model.contract.features)
    assert sum(each["connections"] for each in page["services"].values()) == page["predicted"]
    assert page["loudest"][0]["rule"].startswith("source.ip: 10.0.9.")
    assert sum(page["alerts"].values()) + page["drift_connections"] == page["predicted"]
    assert page["profile"] == str(site)
    assert any(f"OVERSIGHT_PROFILE={site}" in line for line in page["advice"])
    assert read_profile(site).rows == page["drift_connections"]


def test_the_suppression_rules_work_as_they_are_printed(
    flow_model: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A person copies the lines, with their comments; IPv6 too."""
    attacks = [each for each in simulated(3000) if each.flow.source.startswith("10.0.9.")]
    machines = ["2001:db8::9", "10.0.9.9"]
    moved = [changed(each, source=machines[number % 2]) for number, each in enumerate(attacks)]
    report(moved, flow_model, source="x", profile=None, as_json=False)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("    source.ip: ")]
    rules = parse("\n".join(lines), "suppress.txt")
    assert {str(network) for rule in rules for network in rule.networks["source.ip"]} == {
        "2001:db8::9/128",
        "10.0.9.9/32",
    }
    known = {label.name for label in flow_model.contract.labels}
    assert all(rule.verdicts["label"] <= known for rule in rules)


@pytest.mark.parametrize(
    ("connections", "name", "problem"),
    [(3000, "file/site.json", r"cannot write the profile .*; choose another path"), (50, "site.json", "needs 500")],
)
def test_a_profile_that_cannot_be_written_is_an_error_after_the_report(
    flow_model: Artifact,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    connections: int,
    name: str,
    problem: str,
) -> None:
    """Nobody waits for an hour in vain; and nothing says that there is a profile."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        report(list(people(3000))[:connections], flow_model, source="x", profile=tmp_path / name, as_json=False)
    text = capsys.readouterr().out
    assert "connections of x" in text
    assert "OVERSIGHT_PROFILE" not in text
    assert not (tmp_path / "site.json").exists()


def test_a_source_cannot_write_control_characters(
    flow_model: Artifact, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of a file or a service is not ours."""
    monkeypatch.setattr(module, "BATCH", 10)
    report(list(people(300))[:50], flow_model, source="a\u001b[2Jb\nc", profile=None, as_json=False)
    out = capsys.readouterr().out
    assert "a\\u001b[2Jb\\nc" in out
    assert "\u001b" not in out
