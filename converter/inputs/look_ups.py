"""The words that a model looks up, by the column of the data that holds them.

uses of the inputs ─┬─ an input with the name of a column ─────────────▶ that column
                    └─ any other input, by the wiring of a contract ───▶ its features
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from contract.artifact.contract import ModelContract
from contract.artifact.text import text_problem
from contract.documents.fields import IGNORE_ABOVE
from converter.inputs.codes import Use
from converter.inputs.port import Port
from converter.inputs.wiring import Choices, columns_of, named_as

Vocabularies = dict[str, tuple[str, ...]]
"""By column, the words in the model's order."""


@dataclass(frozen=True, slots=True)
class LookUps:
    """What a model does first with each of its inputs."""

    ports: tuple[Port, ...]
    uses: tuple[Use | None, ...]

    def by_name(self, columns: Collection[str]) -> Vocabularies:
        """Of each input of one value that has the name of a column."""
        found = {named_as(port, columns): _words(use) for port, use in zip(self.ports, self.uses, strict=True)}
        return {name: words for name, words in found.items() if name is not None and words}

    def by_wiring(self, contract: ModelContract, columns: Collection[str]) -> Vocabularies:
        """Of the features of each input that has no column's name.

        Raises:
            ConversionError: contract and inputs do not fit.
        """
        pairs = zip(self.ports, self.uses, strict=True)
        words = {port.name: _words(use) for port, use in pairs if named_as(port, columns) is None}
        if not any(words.values()):
            return {}
        return {
            column.feature.name: words[item.port.name]
            for item in columns_of(self.ports, contract, Choices())
            for column in item.columns
            if words.get(item.port.name) and not column.missing
        }


def _words(use: Use | None) -> tuple[str, ...]:
    """The words of a table; integers are words. Leaves out what no word of a document can be."""
    if use is None or use.several_unknown:  # a word has one number for all unknown ones
        return ()
    words = map(str, use.keys)
    return tuple(word for word in words if word.strip() and text_problem(word, longest=IGNORE_ABOVE) is None)
