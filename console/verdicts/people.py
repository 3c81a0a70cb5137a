"""The people who may write verdicts: a file with a name and the hash of a token in each line.

    oversight console --add-person ann ──▶ new token, printed once ──▶ ann sha256:9f86d0...   (file mode 0600)
    token typed ──▶ its hash ──▶ compared with every line in constant time ──▶ ann

The tokens are made here and are random, so a plain hash is as good as a slow one. The file is checked for changes at
most once a second: a removed line ends that person's sessions.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import logging
import os
import re
import secrets
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from common import atomic_file
from common.access.secret_lines import secret_lines
from common.access.tokens import LEAST_LETTERS
from common.changed_files import ChangedFiles
from common.settings.shared import OversightSettings
from console.web.settings import ConsoleSettings
from contract import hints
from contract.errors import InputError, SettingsError, shorten

log = logging.getLogger(__name__)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
"""Letters that are safe in logs, cookies and documents."""
_LINE = re.compile(rf"({NAME.pattern})\s+sha256:([0-9a-f]{{64}})")


class People:
    """The people in a file. Threads share it.

    Args:
        path: the file.
        setting: name of the setting with the path, for messages.
    Raises:
        SettingsError: the file cannot be read, others may change it, it has no person, or a line is not valid.
    """

    def __init__(self, path: Path, *, setting: str) -> None:
        self._file = ChangedFiles(
            [path],
            partial(read_people, path, setting=setting),
            log_change=lambda people: log.info(
                "the people file changed: %d people may write verdicts now",
                len(people),
                extra={"event.action": "people-read"},
            ),
            log_error=lambda error, _people: log.error(
                "%s; the previous people stay", error, extra={"event.action": "people-refused"}
            ),
        )

    def person_of(self, token: bytes) -> str | None:
        """Return who has this token; None: nobody. The time this takes does not show whose token was nearly right."""
        digest, found = hashlib.sha256(token).hexdigest(), None
        for name, known in self._file.content().items():
            if hmac.compare_digest(digest, known):
                found = name
        return found if len(token) >= LEAST_LETTERS else None  # a shorter one is refused, whatever its hash is

    def digest_of(self, name: str) -> str | None:
        """Return the hash of a person's token; None: there is no such person any more."""
        return self._file.content().get(name)


def people_of(settings: ConsoleSettings, shared: OversightSettings) -> People | None:
    """Return the people who may write; None: verdicts are off. Raises as `People`."""
    if not settings.verdicts:
        return None
    return People(people_path(settings, shared), setting=settings.variable("people_file"))


def people_path(settings: ConsoleSettings, shared: OversightSettings) -> Path:
    """Return where the file of people is."""
    return settings.people_file or shared.state / "console" / "people"


def read_people(path: Path, *, setting: str) -> Mapping[str, str]:
    """Read a file of people: the hash of the token by name.

    Raises:
        SettingsError: as for `People`. It names the line, never its content.
    """
    with contextlib.suppress(OSError):  # reading it below says why
        _check_rights(path, setting)
    people: dict[str, str] = {}
    for number, text in secret_lines(path, setting=setting, if_no_text=_how_to_add(), if_unreadable=_how_to_add()):
        found = _LINE.fullmatch(text)
        if found is None:
            raise SettingsError(f"{setting}={path}: line {number} is not NAME sha256:HASH; {_how_to_add()}")
        if found[1] in people or found[2] in people.values():
            raise SettingsError(f"{setting}={path}: line {number} repeats a name or a token; remove one of the lines")
        people[found[1]] = found[2]
    if not people:
        raise SettingsError(f"{setting}={path} has no person; {_how_to_add()}")
    return people


def _how_to_add() -> str:
    return f"{hints.run('console --add-person NAME')} adds a line and makes the file"


def _check_rights(path: Path, setting: str) -> None:
    """Refuse a file that others could change, or whose hashes others could read.

    Raises:
        SettingsError: says what to run.
    """
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()) or found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(
            f"{setting}={path} must belong to the user of the console or to root, and nobody else may read or write "
            f"it (its mode is {stat.S_IMODE(found.st_mode):o}); run `chmod 600` on it"
        )


def add_person(path: Path, name: str, *, setting: str) -> str:
    """Add a person to the file, which is created if it is missing. Return the new token, which is stored nowhere.

    Raises:
        InputError: the name is not valid or taken, or the file cannot be written.
        SettingsError: the file is not valid.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{shorten(name)} cannot be a person's name here; expected 1 to 64 of the characters A-Z a-z 0-9 . _ @ + "
            "and -, beginning with a letter or digit"
        )
    before = ""
    if path.exists():
        before = path.read_text(encoding="utf-8") if path.stat().st_size else ""
        if before.strip() and name in read_people(path, setting=setting):
            raise InputError(f"{path} has {name!r} already; delete that line to give this person a new token")
    token = secrets.token_urlsafe(32)
    line = f"{name} sha256:{hashlib.sha256(token.encode()).hexdigest()}\n"
    joint = "" if not before or before.endswith("\n") else "\n"
    try:
        atomic_file.write(path, f"{before}{joint}{line}".encode(), mode=atomic_file.PRIVATE)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}); name another file in {setting}") from None
    return token
