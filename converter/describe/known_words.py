"""Which vocabularies of a model fit the rows, and which words of the rows the model does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contract.errors import shorten
from converter.describe.seen import Seen

SHOWN = 3
"""Words that a note names."""


@dataclass(frozen=True, slots=True)
class KnownWords:
    """The vocabularies to take."""

    by_column: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    """One line for each column that the model looks up."""


def known_words(seen: Seen, looked_up: Mapping[str, tuple[str, ...]], missing: Mapping[str, str]) -> KnownWords:
    """Take the vocabularies that share a word with the rows.

    A vocabulary without a common word belongs to another column. It is not taken, so that the conversion refuses the
    wrong wiring.

    Args:
        seen: the rows.
        looked_up: by column, the words that the model looks up, in its order.
        missing: by column, what training put in place of a missing value.
    """
    taken: dict[str, tuple[str, ...]] = {}
    notes = []
    for name, words in looked_up.items():
        counts, known = seen.words_of(name), set(words)
        unknown = {word: n for word, n in counts.items() if word not in known}
        if len(unknown) == len(counts):
            notes.append(f"{name}: no row holds a word that the model looks up ({_some(words)}); correct the column")
            continue
        taken[name] = words
        note = f"{name}: the {len(words):,} words that the model looks up"
        if unknown:
            rows = "sampled rows" if seen.columns[name].too_many else "rows"
            often = sorted(unknown, key=lambda word: (-unknown[word], word))
            note += (
                f"; {sum(unknown.values()):,} of {counts.total():,} {rows} hold words that the model does not know: "
                f"{_some(often)}"
            )
        if missing.get(name, "") not in {"", *known}:
            note += f"; it does not know {shorten(missing[name])}, which stands for a missing value"
        notes.append(note)
    return KnownWords(taken, tuple(notes))


def _some(words: Sequence[str]) -> str:
    return ", ".join(map(shorten, words[:SHOWN])) + (", ..." if len(words) > SHOWN else "")
