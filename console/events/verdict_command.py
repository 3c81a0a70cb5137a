"""The command with which a person at a terminal judges an event that the console shows."""

from __future__ import annotations

import re
import shlex

from console.events.safe_text import visible
from console.panels.indices import Indices
from contract import hints

SHORT_DIGITS = 12
_SHIPPED = re.compile(r"[0-9a-f]{64}")


def verdict_command(program: str, indices: Indices, doc_id: str) -> str:
    """Return the command that records a true positive, complete for this installation.

    Args:
        program: the program, with the address of Elasticsearch in front where it is needed.
        indices: what the console shows.
        doc_id: the document's id. An id that begins with a dash would look like an option without the `--`.
    """
    index = "" if indices.index is None else f" --index {shlex.quote(indices.index)}"
    end_of_options = " --" if doc_id.startswith("-") else ""
    shown_id = visible(shlex.quote(short_id(doc_id)))
    return f"{program} verdict{hints.options()}{index}{end_of_options} {shown_id} true_positive"


def short_id(doc_id: str) -> str:
    """Return the first digits of an id that `oversight ship` made. Among a million of them, two begin so in one of
    300 million cases; the command then lists both. Any other id stays whole.
    """
    return doc_id[:SHORT_DIGITS] if _SHIPPED.fullmatch(doc_id) else doc_id
