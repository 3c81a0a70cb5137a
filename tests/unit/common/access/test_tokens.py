"""Each of several tokens is accepted; their file may change at any time, and a bad file never opens the service."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.access.tokens import Tokens, warn_if_open
from contract.errors import SettingsError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text("# the watchers\nfirst-one\n\n  second-one  \n", encoding="utf-8")
    return path


class Said(logging.Handler):
    """The messages of the log."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Store the message."""
        self.records.append(record)


@pytest.fixture
def said() -> Iterator[Said]:
    handler, logger = Said(), logging.getLogger("common.access.tokens")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


def look_now(some: Tokens) -> None:
    """Act as if the second between two checks were over."""
    assert some._file is not None
    some._file.next_look_s = 0.0


def test_every_token_of_the_file_and_the_fixed_one_are_accepted(file: Path) -> None:
    """Comments and blank lines are no tokens, and blanks around a token are not part of it."""
    some = Tokens("fixed-one", file)
    assert some.required
    assert all(some.allow(token) for token in (b"fixed-one", b"first-one", b"second-one"))
    assert not any(
        some.allow(token) for token in (b"", b"first", b"first-one ", b"# the watchers", b"FIRST-ONE", b"\xff")
    )


def test_without_any_token_none_is_required() -> None:
    """The caller decides whether that is safe."""
    assert not Tokens().required


def test_a_changed_file_is_used_without_a_restart(file: Path) -> None:
    """Replaced, as editors and orchestrators do it, or overwritten."""
    some = Tokens(file=file)
    new = file.with_name("new")
    new.write_text("third-one\n", encoding="utf-8")
    new.replace(file)
    look_now(some)
    assert some.allow(b"third-one")
    assert not some.allow(b"first-one")
    file.write_text("third-one\nfourth-one\n", encoding="utf-8")
    look_now(some)
    assert some.allow(b"fourth-one")


def test_the_file_is_checked_at_most_once_a_second(file: Path) -> None:
    """Ten thousand requests per second must not read a file ten thousand times."""
    some = Tokens(file=file)
    file.write_text("third-one\n", encoding="utf-8")
    assert some.allow(b"first-one")


@pytest.mark.parametrize("damage", ["empty", "gone", "binary", "blank inside", "folder"])
def test_after_a_bad_change_the_last_good_tokens_stay(file: Path, damage: str, said: Said) -> None:
    """A bad file neither opens the service nor locks everyone out; one error names the problem without the
    file's text.
    """
    some = Tokens(file=file)
    spoil(file, damage)
    for _ in range(3):
        look_now(some)
        assert some.allow(b"first-one")
    assert not some.allow(b"")
    errors = [record for record in said.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "previous tokens stay valid" in errors[0].getMessage()
    assert "hush" not in errors[0].getMessage()


@pytest.mark.parametrize("damage", ["empty", "gone", "binary", "blank inside", "folder"])
def test_a_bad_file_at_the_start_is_refused(file: Path, damage: str) -> None:
    """One line that names the setting and the file."""
    spoil(file, damage)
    with pytest.raises(SettingsError, match=r"SOME_TOKENS_FILE=.*tokens") as caught:
        Tokens(file=file, file_setting="SOME_TOKENS_FILE")
    assert "hush" not in str(caught.value)


def spoil(file: Path, damage: str) -> None:
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage != "gone":
        content = {"empty": b"# none\n\n", "binary": b"\xff\xfehush\n", "blank inside": b"hush hush\n"}[damage]
        file.write_bytes(content)


def test_a_file_that_everyone_can_read_is_a_warning(file: Path, said: Said) -> None:
    """It is not refused, because orchestrators mount secrets like this."""
    file.chmod(0o600)
    warn_if_open(file, setting="SOME_TOKENS_FILE")
    assert not said.records
    file.chmod(0o644)
    warn_if_open(file, setting="SOME_TOKENS_FILE")
    assert "chmod 600" in said.records[0].getMessage()


@pytest.mark.parametrize("token", ["a", "fifteen-letters"])
def test_a_token_that_other_machines_can_try_must_be_long(tmp_path: Path, token: str) -> None:
    """In the setting and in the file; the message says how to create one, and does not show the short one."""
    file = tmp_path / "tokens"
    file.write_text(f"sixteen-letters!\n{token}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=rf"SOME_TOKEN has {len(token)} characters.*openssl rand -hex 32") as fixed:
        Tokens(token, setting="SOME_TOKEN", open_to_others=True)
    with pytest.raises(SettingsError, match=r"SOME_FILE=.*line 2 has .*at least 16") as listed:
        Tokens(file=file, file_setting="SOME_FILE", open_to_others=True)
    assert not any(f"{token}," in str(said.value) or f"'{token}'" in str(said.value) for said in (fixed, listed))
    assert Tokens(token).allow(token.encode())
    assert Tokens("sixteen-letters!", open_to_others=True).allow(b"sixteen-letters!")


def test_a_short_token_in_a_changed_file_keeps_the_previous_tokens(file: Path) -> None:
    """Like any other mistake in the file."""
    file.write_text("sixteen-letters!\n", encoding="utf-8")
    some = Tokens(file=file, open_to_others=True)
    file.write_text("short\n", encoding="utf-8")
    look_now(some)
    assert some.allow(b"sixteen-letters!")
    assert not some.allow(b"short")
