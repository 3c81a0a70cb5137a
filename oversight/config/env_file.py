"""Reads `.env` in the current folder, but only if no other user can have written it.

    open ──▶ check owner and permissions ──▶ names and values, unchanged

The file can name the server that our keys are sent to, so whoever can write it could steal the keys.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import stat
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values

from contract.errors import SettingsError

ENV_FILE = ".env"


def values(path: Path = Path(ENV_FILE)) -> Mapping[str, str | None]:
    """Return each variable of the file by its upper-case name; empty if there is no file.

    `${NAME}` is not replaced: otherwise the file could put a secret of the environment into an address.

    Raises:
        SettingsError: another user may have written the file, or it cannot be read. It names the command to run.
    """
    try:
        with path.open("rb") as file:
            _refuse_untrusted(path, os.fstat(file.fileno()), path.lstat())
            text = file.read().decode("utf-8")
    except (FileNotFoundError, IsADirectoryError):  # a virtual environment may have that name
        return {}
    except UnicodeDecodeError:
        raise SettingsError(f"the file {path} is not UTF-8; save it as UTF-8, or remove it") from None
    except OSError as error:
        raise SettingsError(f"the file {path} cannot be read ({error.strerror}); run `chmod u+r {path}`") from None
    return {name.upper(): value for name, value in dotenv_values(stream=StringIO(text), interpolate=False).items()}


def _refuse_untrusted(path: Path, info: os.stat_result, link: os.stat_result) -> None:
    shown = path.absolute()
    for uid in (info.st_uid, link.st_uid):
        if uid not in (0, os.geteuid()):
            raise SettingsError(
                f"{shown} belongs to {_user(uid)}, who could use it to send your keys to another server; check the "
                f"file's content, then run "
                f"`chown {'-h ' if uid == link.st_uid != info.st_uid else ''}{_user(os.geteuid())} {shown}`, "
                "or remove it"
            )
    others, group = info.st_mode & stat.S_IWOTH, info.st_mode & stat.S_IWGRP
    if others or (group and not _is_private(info.st_gid, info.st_uid)):
        who = "everybody" if others else f"the group {_group(info.st_gid)}"
        raise SettingsError(
            f"{shown} can be changed by {who}, who could use it to send your keys to another server; check the file's "
            f"content, then "
            f"run `chmod go-w {shown}`"
        )


def _is_private(gid: int, uid: int) -> bool:
    """Whether a group is a user's own: it has the user's name and no other members."""
    try:
        group, name = grp.getgrgid(gid), pwd.getpwuid(uid).pw_name
    except KeyError:
        return False
    alone = all(user.pw_uid == uid for user in pwd.getpwall() if user.pw_gid == gid)
    return group.gr_name == name and set(group.gr_mem) <= {name} and alone


def _user(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def _group(gid: int) -> str:
    with contextlib.suppress(KeyError):
        return grp.getgrgid(gid).gr_name
    return str(gid)
