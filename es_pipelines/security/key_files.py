"""Write the files with the API keys' secrets: one for each part, to be copied only to that part's machine.

    FOLDER/shipper/key.env   FOLDER/DATASET/shipper/key.env   ...      each readable by its owner only (0600)

    file ──▶ does not exist: create a key, and write the file before reporting it
         ──▶ has a key that Elasticsearch knows: keep it, and update its privileges to this version's
         ──▶ has a key that Elasticsearch does not know: an error; `rotate` creates a new key

A file appears under its name only when it is complete and on disk. Secrets are never in a log or a message.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from elasticsearch import Elasticsearch

from common import atomic_file
from common.elastic.key_text import VARIABLE, id_of, read_key
from contract.documents.datasets import CONNECTION
from contract.errors import InputError
from es_pipelines.security.keys import Key, Secret, invalidate, make_key, update_privileges, valid_keys
from es_pipelines.security.roles import PARTS, installation_text

FILE = "key.env"


class KeyOutcome(StrEnum):
    """What happened to one part's key."""

    MADE = "made"
    ROTATED = "rotated"
    UPDATED = "updated"
    """The same secret, with the privileges of this version."""
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One part's file after a run."""

    part: str
    path: Path
    outcome: KeyOutcome
    id: str
    until: str
    others: tuple[str, ...]
    """Ids of this part's other valid keys, which may be in use elsewhere."""


def write_keys(
    es: Elasticsearch,
    folder: Path,
    namespace: str,
    dataset: str = CONNECTION,
    *,
    rotate: bool = False,
    expiration: str | None = None,
    on_file: Callable[[KeyFile], None] | None = None,
) -> list[KeyFile]:
    """Make sure that each part has a valid key in its file.

    Args:
        es: a client whose user may create keys.
        folder: where the files are. Creates it and the parts' folders if they are missing.
        namespace: the installation.
        dataset: its dataset; the files of any but `connection` are in a folder of that name.
        rotate: create new keys, and invalidate all others of these parts once the new ones are in their files.
        expiration: validity of new keys in Elasticsearch's notation (`90d`).
        on_file: called for each file as soon as it is done.
    Raises:
        InputError: a file has no valid key, or cannot be read or written.
        SettingsError: the user may not do this.
    """
    folder = folder if dataset == CONNECTION else folder / dataset
    valid = valid_keys(es, namespace, dataset)
    plans = {part: None if rotate else _existing_key(folder / part / FILE, part, valid[part]) for part in PARTS}
    done, old = [], list[str]()
    for part, key in plans.items():
        path = folder / part / FILE
        if key is not None:
            outcome = KeyOutcome.UPDATED if update_privileges(es, key, namespace, dataset) else KeyOutcome.KEPT
        else:
            outcome = KeyOutcome.ROTATED if path.exists() else KeyOutcome.MADE
            key = _new(es, path, part, (namespace, dataset), expiration)
        others = [other.id for other in valid[part] if other.id != key.id]
        if rotate:
            old, others = [*old, *others], []
        done.append(KeyFile(part, path, outcome, key.id, key.until, tuple(others)))
        if on_file is not None:
            on_file(done[-1])
    invalidate(es, old)
    return done


def _existing_key(path: Path, part: str, valid: Sequence[Key]) -> Key | None:
    """The valid key in a file; None if there is no file.

    Raises:
        InputError: the file has something else.
    """
    try:
        encoded = read_key(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); make it readable, or name another folder"
        ) from None
    if encoded is None:
        raise InputError(f"{path} holds no {VARIABLE}= line; move it away, or replace it with --rotate-keys")
    for key in valid:
        if key.id == id_of(encoded):
            return key
    raise InputError(
        f"{path} holds a key that Elasticsearch does not accept for this installation's {part} (invalidated, "
        "expired, or "
        f"of another cluster); replace it with --rotate-keys, or move it away"
    )


def _new(es: Elasticsearch, path: Path, part: str, owner: tuple[str, str], expiration: str | None) -> Key:
    """Create a key for a namespace and dataset, and write it to its file. If that fails, invalidate the key."""
    _prepare(path)
    secret = make_key(es, PARTS[part], *owner, expiration=expiration)
    try:
        key = {key.id: key for key in valid_keys(es, *owner)[part]}[secret.id]
        atomic_file.write(path, _text(secret, key, installation_text(*owner)).encode(), mode=atomic_file.PRIVATE)
    except OSError as error:
        invalidate(es, [secret.id])
        raise InputError(
            f"{path} cannot be written ({error.strerror}); free disk space or name another folder"
        ) from None
    except BaseException:  # also an interrupt: an unused key must not stay valid
        with contextlib.suppress(Exception):
            invalidate(es, [secret.id])
        raise
    return key


def _prepare(path: Path) -> None:
    """Check that the file can be written before there is a secret to lose."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path.with_suffix(".new")
        probe.unlink(missing_ok=True)
        os.close(os.open(probe, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"{path.parent} cannot be written to ({error.strerror}); name another folder with --keys, or give "
            "yourself write permission"
        ) from None


def _text(secret: Secret, key: Key, installation: str) -> str:
    return (
        f"# API key of the {key.part} of Oversight's {installation}, made "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, "
        f"{key.until}.\n"
        f"# For `.env`, or: ELASTICSEARCH_API_KEY_FILE=this file. Its id: {secret.id}\n"
        f"# Filebeat and Logstash take it as `id:secret`, which is what it says decoded: echo KEY | base64 --decode\n"
        f"{VARIABLE}={secret.encoded}\n"
    )
