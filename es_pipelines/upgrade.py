"""What an upgrade asks of people, beside what `provision` changes by itself.

    marks on what stands ──▶ the version that provisioned last ──▶ notes of every later version

Printed by `oversight provision` and `--plan`; `CHANGELOG.md` says the same with its reasons.
"""

from __future__ import annotations

from collections.abc import Iterable

from es_pipelines.kinds import Standing
from es_pipelines.marks import release

NOTES: dict[str, tuple[str, ...]] = {
    "0.2.0": (
        "tokens off loopback need 16 characters or more: make longer ones (`openssl rand -hex 32`) for OVERSIGHT_ENRICH_TOKEN and "
        "OVERSIGHT_CONSOLE_TOKEN, or `serve` and `console` refuse to start",
        "roles and keys get narrower (no `monitor`, no `maintenance`): roles change with this run, the keys that you have when you run "
        "`provision --keys FOLDER` again",
        "a `.env` must belong to you or root and be writable by nobody else: `chmod 600 .env`. A secret from the environment no longer "
        "goes to an address from the file: put both in one place",
        "contracts are strict: an unknown key, a field of ours or a reserved name as a feature is refused by `convert`; an artifact that "
        "is already served goes on working unless it names such a field",
        "a guard (the stream's final pipeline) resets what shippers write under our names: predictions, statuses and verdicts that "
        "another program wrote with index requests are no longer kept",
    ),
}
"""Version: what somebody who comes from an earlier one has to do or to know."""


def notes(standing: Iterable[Standing], namespace: str) -> list[str]:
    """What changes for people, of every version after the one that provisioned an installation last.

    Args:
        standing: what stands in the cluster.
        namespace: the installation.
    """
    marks = [one.mark for one in standing if one.mark is not None and one.mark.namespace == namespace]
    if not marks:
        return []
    before = max(marks, key=lambda mark: release(mark.version)).version
    return [
        f"upgrade from {before} to {version}: {note}"
        for version, said in NOTES.items()
        if release(version) > release(before)
        for note in said
    ]
