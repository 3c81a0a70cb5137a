"""Finds misspelt settings, so that none is ignored silently.

OVERSIGHT_* anywhere                                               ──▶ refused
ELASTICSEARCH_*, ELASTIC_*, KIBANA_* in a `.env` with our settings ──▶ refused, except names of docker-compose.yml
a name in the environment that is close to a setting               ──▶ a warning: other software uses such names too
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator

PREFIX = "OVERSIGHT_"
SERVERS = ("ELASTICSEARCH_", "ELASTIC_", "KIBANA_")
FOREIGN = frozenset({"ELASTIC_PASSWORD", "KIBANA_SYSTEM_PASSWORD", "KIBANA_ENCRYPTION_KEY"})
"""Secrets of docker-compose.yml."""
FOREIGN_PREFIX = "ELASTIC_APM_"
INTERNAL = frozenset(
    {
        "OVERSIGHT_GOLDEN",
        "OVERSIGHT_TEST_OPENSEARCH_URL",
        "OVERSIGHT_TEST_ELASTICSEARCH_URL",
        "OVERSIGHT_TEST_SECURED_URL",
        "OVERSIGHT_TEST_SHARED",
    }
)
"""Variables that tests and build scripts read, not a command."""
NEAR = 2
"""Largest edit distance of a misspelt name."""


def refused(environment: Collection[str], file: Collection[str], known: Collection[str]) -> Iterator[str]:
    """Yield a message for each name that is refused.

    Args:
        environment: upper-case names of the environment's variables.
        file: names in `.env`.
        known: names of our settings.
    """
    has_our_settings = any(name in known or name.startswith(PREFIX) for name in file)
    for name in sorted({*environment, *file} - {*known, *INTERNAL}):
        if name.startswith(PREFIX) or (has_our_settings and name in file and _is_of_servers(name)):
            location = " in .env" if name in file else ""
            near = nearest(name, known) or next(iter(difflib.get_close_matches(name, known, n=1)), None)
            hint = f"did you mean {near}?" if near else "`oversight settings` lists all settings."
            advice = "" if name.startswith(PREFIX) else " If it belongs to other software, keep it in another file"
            yield f"{name}{location} is not a setting of Oversight; {hint}{advice}"


def warned(environment: Collection[str], file: Collection[str], known: Collection[str]) -> Iterator[str]:
    """Yield a message for each name in the environment that is close to a setting which is not set."""
    for name in sorted(set(environment) - {*known, *FOREIGN, *file}):
        near = None if name.startswith((PREFIX, FOREIGN_PREFIX)) else nearest(name, known)
        if near is not None and near not in environment and near not in file:
            yield f"{name} in the environment is not a setting of Oversight and is ignored; did you mean {near}?"


def nearest(name: str, known: Collection[str]) -> str | None:
    """Return the setting that this name probably means; None if no setting is close."""
    written_out = name.replace("ELASTIC_", "ELASTICSEARCH_", 1) if name.startswith("ELASTIC_") else name
    if written_out in known:
        return written_out
    alike = [
        setting for setting in known if setting[:2] == written_out[:2] and abs(len(setting) - len(written_out)) <= NEAR
    ]
    distances = [(distance(written_out, setting), setting) for setting in alike]
    best = min(distances, default=(NEAR + 1, ""))
    if best[0] <= NEAR:
        return best[1]
    longer = [
        setting for setting in sorted(known) if setting.startswith(written_out) and written_out.startswith(SERVERS)
    ]
    has_a_word = len(written_out.partition("_")[2]) >= 4
    return longer[0] if longer and has_a_word else None


def distance(one: str, other: str) -> int:
    """Return the edit distance: letters to add, remove, replace or swap with a neighbour."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, 1):
        before, last, row = row, before, [i, *[0] * len(other)]
        for j, wanted in enumerate(other, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1]


def _is_of_servers(name: str) -> bool:
    return name.startswith(SERVERS) and name not in FOREIGN and not name.startswith(FOREIGN_PREFIX)
