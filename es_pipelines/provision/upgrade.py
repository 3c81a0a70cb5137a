"""What users must do after an upgrade, besides what `provision` changes by itself.

    labels on what is there ──▶ the version that provisioned last ──▶ notes of every later version

`oversight provision` and `--plan` print it; `CHANGELOG.md` gives the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable

from common.versions import version_of
from es_pipelines.resources.kind import Standing

NOTES: dict[str, tuple[str, ...]] = {
    "0.2.0": (
        "tokens off loopback need 16 characters or more: make longer ones (`openssl rand -hex 32`) for "
        "OVERSIGHT_ENRICH_TOKEN and "
        "OVERSIGHT_CONSOLE_TOKEN, or `serve` and `console` refuse to start",
        "roles and API keys get fewer privileges (no `monitor`, no `maintenance`): this run changes the roles; run "
        "`provision --keys FOLDER` again to change the keys that you have",
        "a `.env` must belong to you or root and be writable by nobody else: `chmod 600 .env`. A secret from "
        "the environment no longer "
        "goes to an address from the file: put both in one place",
        "contracts are strict: `convert` refuses unknown keys, and features that use one of Oversight's "
        "fields or a reserved "
        "name; an artifact that is already served keeps working unless it names such a field",
        "a guard (the stream's final pipeline) resets what shippers write to Oversight's own fields: "
        "predictions, statuses and verdicts "
        "that another program writes with index requests are no longer kept",
    ),
}
"""Version: what users of an earlier version have to do or to know."""


def notes(standing: Iterable[Standing], namespace: str) -> list[str]:
    """The notes of every version after the one that provisioned an installation last.

    Args:
        standing: what is in the cluster.
        namespace: the installation.
    """
    marks = [one.mark for one in standing if one.mark is not None and one.mark.namespace == namespace]
    if not marks:
        return []
    before = max(marks, key=lambda mark: version_of(mark.version)).version
    return [
        f"upgrade from {before} to {version}: {note}"
        for version, said in NOTES.items()
        if version_of(version) > version_of(before)
        for note in said
    ]
