"""The shippers' configuration files: they parse, write to our stream, require certificates, and have no secret."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

FOLDER = Path(str(files("es_pipelines").joinpath("shippers")))
CONFIGURATIONS = sorted(FOLDER.iterdir(), key=lambda path: path.name)
DOCS = FOLDER.parents[1] / "docs" / "shippers.md"


def settings_of(path: Path) -> str:
    """The text without its comments."""
    return re.sub(r"^\s*#.*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_there_is_one_for_each_shipper_and_the_page_names_it() -> None:
    names = [path.name for path in CONFIGURATIONS]
    assert names == ["filebeat.yml", "fluent-bit.conf", "logstash.conf", "rsyslog.conf", "vector.yaml"]
    page = DOCS.read_text(encoding="utf-8")
    assert [name for name in names if f"(../es_pipelines/shippers/{name})" not in page] == []


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_its_head_says_how_to_use_it_in_three_steps(path: Path) -> None:
    """A user opens the file first, and not the documentation."""
    head = path.read_text(encoding="utf-8").splitlines()[:20]
    steps = [line[2] for line in head if re.match(r"# [1-9]\. ", line)]
    assert steps == ["1", "2", "3"]
    assert "oversight status" in " ".join(head)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_every_variable_is_named_in_its_head(path: Path) -> None:
    """A variable without a value is an empty text."""
    used = set(re.findall(r"\$\{?((?:ELASTICSEARCH|OVERSIGHT)_[A-Z_]+)", settings_of(path)))
    named = set(re.findall(r"(?:ELASTICSEARCH|OVERSIGHT)_[A-Z_]+", "".join(path.read_text("utf-8").splitlines()[:20])))
    assert used
    assert used <= named


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.name)
def test_it_writes_to_the_stream_over_tls_with_a_secret_from_outside(path: Path) -> None:
    """Nothing turns verification off, and the file has no key or password."""
    text = settings_of(path)
    assert re.search(r"oversight\.connection", text)
    assert "ELASTICSEARCH_CA_CERTS" in text
    assert re.search(r"ELASTICSEARCH_(API_KEY|PASSWORD)", text)
    assert not re.search(r"verif\w*['\"]?\s*(=>|[:=]|\s)\s*['\"]?(none|off|false)", text, re.IGNORECASE)


def test_the_yaml_files_have_the_intended_values() -> None:
    filebeat = yaml.safe_load((FOLDER / "filebeat.yml").read_text(encoding="utf-8"))
    assert filebeat["setup.template.enabled"] is False
    assert filebeat["output.elasticsearch"]["index"] == "logs-oversight.connection-${OVERSIGHT_NAMESPACE:default}"
    vector = yaml.safe_load((FOLDER / "vector.yaml").read_text(encoding="utf-8"))
    sink = vector["sinks"]["oversight"]
    assert (sink["bulk"]["action"], sink["buffer"]["when_full"]) == ("create", "block")
    assert sink["acknowledgements"]["enabled"] is True
