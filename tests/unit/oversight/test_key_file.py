"""ELASTICSEARCH_API_KEY_FILE: the key comes from a file and is never in the environment."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from common.settings.connections import ElasticsearchSettings
from contract.errors import SettingsError
from oversight.commands.settings import MASK, rows_of
from oversight.config.settings import load

KEY = base64.b64encode(b"an-id:a-secret").decode()


@pytest.fixture(autouse=True)
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that the variable names; no other variable is set."""
    for name in ("API_KEY", "USERNAME", "PASSWORD", "URL"):
        monkeypatch.delenv(f"ELASTICSEARCH_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELASTICSEARCH_API_KEY_FILE", str(tmp_path / "key.env"))
    return tmp_path / "key.env"


@pytest.mark.parametrize(
    "text", [f"# made\n\nELASTICSEARCH_API_KEY={KEY}\n", f"{KEY}\n", f"  {KEY}", f"ELASTICSEARCH_API_KEY={KEY}"]
)
def test_the_key_in_the_file_is_used_like_the_variable(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    settings = load(ElasticsearchSettings)
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == KEY
    assert settings.has_secret
    assert rows_of(ElasticsearchSettings)[0]["setting"] == "ELASTICSEARCH_URL"
    assert {row["value"] for row in rows_of(ElasticsearchSettings) if row["setting"] == "ELASTICSEARCH_API_KEY"} == {
        MASK
    }


def test_a_missing_file_is_named_with_the_command_that_creates_it(file: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"ELASTICSEARCH_API_KEY_FILE=.*key\.env cannot be read \(No such file or directory\)"
    ) as caught:
        load(ElasticsearchSettings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "# only a comment\n", "ELASTICSEARCH_API_KEY=\n", "not-a-key\n", f"{KEY}\n{KEY}x\n"]
)
def test_a_file_without_a_key_is_refused_without_showing_its_content(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"contains no API key; expected a line ELASTICSEARCH_API_KEY=") as caught:
        load(ElasticsearchSettings)
    assert "not-a-key" not in str(caught.value)


def test_two_keys_are_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(KEY, encoding="utf-8")
    monkeypatch.setenv("ELASTICSEARCH_API_KEY", "another")
    with pytest.raises(SettingsError, match="are both set: remove one of them"):
        load(ElasticsearchSettings)
    monkeypatch.delenv("ELASTICSEARCH_API_KEY")
    monkeypatch.setenv("ELASTICSEARCH_USERNAME", "elastic")
    monkeypatch.setenv("ELASTICSEARCH_PASSWORD", "x")
    with pytest.raises(
        SettingsError, match="ELASTICSEARCH_API_KEY_FILE and ELASTICSEARCH_USERNAME are both set: remove one of them"
    ):
        load(ElasticsearchSettings)
