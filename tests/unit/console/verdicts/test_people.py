"""The file of the people who may write verdicts."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from console.verdicts.people import People, add_person, read_people
from contract.errors import InputError, SettingsError

SETTING = "OVERSIGHT_CONSOLE_PEOPLE_FILE"
HASH = hashlib.sha256(b"a token of sixteen letters").hexdigest()


def write(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "people"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_an_added_person_signs_in_with_the_printed_token(tmp_path: Path) -> None:
    """The file is private and has no token; people and comments that stand in it stay."""
    path = tmp_path / "new" / "people"
    ann = add_person(path, "ann", setting=SETTING)
    path.write_text(f"{path.read_text('utf-8')}# the night shift", encoding="utf-8")
    bob = add_person(path, "bob@soc.example", setting=SETTING)
    people = People(path, setting=SETTING)
    assert (people.person_of(ann.encode()), people.person_of(bob.encode())) == ("ann", "bob@soc.example")
    assert people.person_of(b"") is None
    assert people.person_of(ann[:-1].encode()) is None
    text = path.read_text("utf-8")
    assert ann not in text
    assert "# the night shift" in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(ann) >= 32


def test_a_short_token_is_refused_although_its_hash_is_there(tmp_path: Path) -> None:
    path = write(tmp_path, f"ann sha256:{hashlib.sha256(b'fifteen letters').hexdigest()}\n")
    assert People(path, setting=SETTING).person_of(b"fifteen letters") is None


def test_a_removed_person_is_gone_while_the_console_runs(tmp_path: Path) -> None:
    path = tmp_path / "people"
    ann, bob = add_person(path, "ann", setting=SETTING), add_person(path, "bob", setting=SETTING)
    people = People(path, setting=SETTING)
    path.write_text("".join(line for line in path.read_text("utf-8").splitlines(True) if "ann" not in line), "utf-8")
    people._file.next_look_s = 0
    assert (people.person_of(ann.encode()), people.digest_of("ann")) == (None, None)
    assert people.person_of(bob.encode()) == "bob"


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o602, 0o604])
def test_a_file_that_others_may_read_or_write_is_refused(tmp_path: Path, mode: int) -> None:
    path = write(tmp_path, f"ann sha256:{HASH}\n", mode)
    with pytest.raises(SettingsError, match=r"nobody else may read or write.*run `chmod 600` on it"):
        read_people(path, setting=SETTING)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no person"),
        ("# nobody yet\n", "has no person"),
        ("ann\n", "line 1 is not NAME sha256:HASH"),
        (f"# a\nann sha256:{HASH[:-1]}\n", "line 2 is not"),
        (f"ann\u202ebob sha256:{HASH}\n", "line 1 is not"),
        (f"a nn sha256:{HASH}\n", "line 1 is not"),
        (f"ann sha256:{HASH}\nann sha256:{HASH[::-1]}\n", "line 2 repeats a name or a token"),
        (f"ann sha256:{HASH}\nbob sha256:{HASH}\n", "line 2 repeats a name or a token"),
    ],
)
def test_a_bad_file_is_refused_without_its_content(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_people(write(tmp_path, text), setting=SETTING)
    assert says in str(refused.value)
    assert HASH[:20] not in str(refused.value)


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read .*`oversight console --add-person NAME`"):
        read_people(tmp_path / "nothing", setting=SETTING)


@pytest.mark.parametrize("name", ["", "a b", "a\nb sha256:0", "ü", "-x", "a" * 65, "a:b", "a;b"])
def test_a_name_that_logs_or_cookies_could_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="cannot be a person's name"):
        add_person(tmp_path / "people", name, setting=SETTING)
    assert not (tmp_path / "people").exists()


def test_a_person_is_added_once(tmp_path: Path) -> None:
    add_person(tmp_path / "people", "ann", setting=SETTING)
    with pytest.raises(InputError, match=r"has 'ann' already; delete that line"):
        add_person(tmp_path / "people", "ann", setting=SETTING)
