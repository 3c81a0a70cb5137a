"""The console's settings are checked before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.web.settings import ConsoleSettings
from contract.errors import SettingsError
from contract.listening import listen
from oversight.config.settings import load


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("HOSTS", "https://soc.example", "without scheme and port"),
        ("HOSTS", "soc.example:8602", "without scheme and port"),
        ("HOSTS", "*", "without scheme and port"),
        ("TLS_CERT", "/etc/hostname", "only one of OVERSIGHT_CONSOLE_TLS_CERT and OVERSIGHT_CONSOLE_TLS_KEY is set"),
        ("TRUSTED_PROXIES", "proxy.example", "expected IP addresses or networks"),
        ("TOKENS", "x", "did you mean OVERSIGHT_CONSOLE_TOKEN"),
        ("REFRESH_S", "0", "greater than or equal to 2"),
    ],
)
def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"OVERSIGHT_CONSOLE_{name}", value)
    with pytest.raises(SettingsError, match=words):
        load(ConsoleSettings)


def test_names_are_split(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At commas and blanks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVERSIGHT_CONSOLE_HOSTS", "soc.example, desk ,")
    assert load(ConsoleSettings).host_names == ("soc.example", "desk")


@pytest.mark.parametrize("bind", ["8602", "::1:8602", "h:99999"])
def test_an_invalid_address_is_named_with_its_setting(bind: str) -> None:
    with pytest.raises(SettingsError, match=r"^OVERSIGHT_CONSOLE_BIND=.*expected HOST:PORT such as 127\.0\.0\.1:8602"):
        listen(bind, setting="OVERSIGHT_CONSOLE_BIND", port=8602, guarded=True, remedy="")
