"""Names of variables that look like settings of ours and are none: a misspelt setting must not be ignored silently.

OVERSIGHT_* anywhere                                               ──▶ refused
ELASTICSEARCH_*, ELASTIC_*, KIBANA_* in a `.env` with our settings ──▶ refused, but for names of docker-compose.yml
a name in the environment that is near to a setting                ──▶ a warning: other software has its names there
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
"""Letters that are missing, too many, wrong or changed in place."""


def refused(environment: Collection[str], file: Collection[str], known: Collection[str]) -> Iterator[str]:
    """A message for each name that is refused.

    Args:
        environment: names of its variables, in capitals.
        file: names in `.env`.
        known: our settings.
    """
    ours = any(name in known or name.startswith(PREFIX) for name in file)
    for name in sorted({*environment, *file} - {*known, *INTERNAL}):
        if name.startswith(PREFIX) or (ours and name in file and _is_of_servers(name)):
            place = " in .env" if name in file else ""
            near = nearest(name, known) or next(iter(difflib.get_close_matches(name, known, n=1)), None)
            hint = f"did you mean {near}?" if near else "`oversight settings` lists all settings."
            elsewhere = "" if name.startswith(PREFIX) else " If it belongs to other software, keep it in another file"
            yield f"{name}{place} is not a setting of Oversight; {hint}{elsewhere}"


def warned(environment: Collection[str], file: Collection[str], known: Collection[str]) -> Iterator[str]:
    """A message for each name of the environment that is near to a setting which nobody has set."""
    for name in sorted(set(environment) - {*known, *FOREIGN, *file}):
        near = None if name.startswith((PREFIX, FOREIGN_PREFIX)) else nearest(name, known)
        if near is not None and near not in environment and near not in file:
            yield f"{name} in the environment is not a setting of Oversight and is ignored; did you mean {near}?"


def nearest(name: str, known: Collection[str]) -> str | None:
    """The setting that somebody meant who wrote this name; None where it is far from all."""
    written_out = name.replace("ELASTIC_", "ELASTICSEARCH_", 1) if name.startswith("ELASTIC_") else name
    if written_out in known:
        return written_out
    alike = [one for one in known if one[:2] == written_out[:2] and abs(len(one) - len(written_out)) <= NEAR]
    found = [(distance(written_out, one), one) for one in alike]
    best = min(found, default=(NEAR + 1, ""))
    if best[0] <= NEAR:
        return best[1]
    longer = [one for one in sorted(known) if one.startswith(written_out) and written_out.startswith(SERVERS)]
    has_a_word = len(written_out.partition("_")[2]) >= 4
    return longer[0] if longer and has_a_word else None


def distance(one: str, other: str) -> int:
    """Letters to add, remove, replace or swap with their neighbour, at least so many as make one word the other."""
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
