"""The API keys of `oversight provision --keys FOLDER`, and what is printed about them. No secret is ever printed."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from contract.errors import InputError
from es_pipelines.cluster.capabilities import Capabilities
from es_pipelines.security.key_files import KeyFile, KeyOutcome, write_keys
from oversight.commands import provision_show as show
from oversight.tables import console

COLOURS = {KeyOutcome.MADE: "green", KeyOutcome.ROTATED: "yellow", KeyOutcome.UPDATED: "yellow"}


@dataclasses.dataclass(frozen=True, slots=True)
class KeyWish:
    """The options for API keys."""

    folder: Path
    namespace: str
    dataset: str
    engine: Capabilities
    rotate: bool = False
    expiration: str | None = None

    def fulfil(self, es: Elasticsearch, *, quiet: bool) -> list[KeyFile]:
        """Write a key file for each part that needs one, with one line of output each unless `quiet`.

        Without privileges to create roles it does nothing.
        """
        if not self.engine.roles:
            return []
        return write_keys(
            es,
            self.folder,
            self.namespace,
            self.dataset,
            rotate=self.rotate,
            expiration=self.expiration,
            on_file=None if quiet else _print_file,
        )

    def refuse_if_impossible(self) -> None:
        """Fail if keys were requested but cannot be created. Everything else is provisioned by then.

        Raises:
            InputError: says why.
        """
        if self.engine.roles:
            return
        why = (
            "your user or key lacks the privilege manage_security; run the command again as a user who has it"
            if self.engine.security
            else "security is off in this cluster, so no part needs a key; leave out --keys, or turn security on "
            "(xpack.security.enabled: true) and run the command again"
        )
        raise InputError(f"no API key was written to {self.folder}: {why}. Everything else is provisioned")


def after_keys(files: list[KeyFile]) -> str:
    """Say what to do with new keys."""
    if not any(file.outcome in (KeyOutcome.MADE, KeyOutcome.ROTATED) for file in files):
        return ""
    return (
        "; copy each key file to the machine of its part, readable by the owner only, set ELASTICSEARCH_API_KEY_FILE "
        "to it, "
        "and restart the parts that had an old key"
    )


def as_data(files: list[KeyFile]) -> list[dict[str, Any]]:
    """Return the files as plain JSON values, without a secret."""
    return [{**dataclasses.asdict(file), "path": str(file.path), "others": list(file.others)} for file in files]


def _print_file(file: KeyFile) -> None:
    others = (
        f" (other valid keys of this part: {', '.join(file.others)}; --rotate-keys invalidates them)"
        if file.others
        else ""
    )
    text = f"{'API key':<{show.KIND_WIDTH}} {file.path} of the {file.part}, {file.until}{others}"
    console(soft_wrap=True).print(show.line(str(file.outcome), text, COLOURS.get(file.outcome)))
