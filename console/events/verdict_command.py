"""The command with which a person at a terminal judges an event that the console shows."""

from __future__ import annotations

import shlex

from console.events.safe_text import visible
from console.panels.indices import Indices
from contract import hints


def verdict_command(program: str, indices: Indices, doc_id: str) -> str:
    """Return the command that records a true positive, complete for this installation.

    Args:
        program: the program, with the address of Elasticsearch in front where it is needed.
        indices: what the console shows.
        doc_id: the document's id. An id that begins with a dash would look like an option without the `--`.
    """
    index = "" if indices.index is None else f" --index {shlex.quote(indices.index)}"
    end_of_options = " --" if doc_id.startswith("-") else ""
    shown_id = visible(shlex.quote(doc_id))
    return f"{program} verdict{hints.options()}{index}{end_of_options} {shown_id} true_positive"
