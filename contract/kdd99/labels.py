"""Labels and their columns: what counts as the truth of a line in the pipelines, in `ship` and in training.

duration, ..., label              KDD Cup 99: a 42nd column
duration, ..., label, difficulty  NSL-KDD: a 43rd column after it
@attribute 'class' {...}          the name in ARFF files
"""

from __future__ import annotations

from collections.abc import Mapping

from contract.artifact.contract import ModelContract
from contract.kdd99.columns import LABELS, TEST_ONLY_FAMILIES, field_of

LABEL = "label"
LABEL_NAMES: tuple[str, ...] = (LABEL, "class", "attack")
"""Names of the label's column in files."""

DIFFICULTY = field_of("difficulty")
"""Document field for NSL-KDD's last column: 0 to 21, how many of 21 simple models were right."""
DIFFICULTY_NAMES: tuple[str, ...] = ("difficulty", "difficulty_level")
"""Names of that column in files."""


def label_names(contract: ModelContract) -> tuple[str, ...]:
    """Names of the label's column in files, in lower case: the usual ones, and the one that the contract was made from.

    A regression has a number there, which is no label.
    """
    own = contract.training.get("label")
    taken = {name.lower() for feature in contract.features for name in (feature.name, feature.field)}
    if contract.task != "classification" or not isinstance(own, str) or own.lower() in taken:
        return LABEL_NAMES
    return tuple(dict.fromkeys((*LABEL_NAMES, own.lower())))


def known_labels(contract: ModelContract) -> tuple[str, ...]:
    """Every word that counts as a label, sorted: the model's labels, and those of KDD's training and test sets.

    A label that is spelt otherwise in the contract counts as files write it too.

    Any other word in the label's place goes to `oversight.rejected`, because a line can contain anything.
    """
    ours = {label.name for label in contract.labels}
    words = contract.training.get("label_words")
    if isinstance(words, Mapping):
        ours |= {str(word) for name, word in words.items() if name in ours}
    return tuple(sorted(ours | {label.name for label in LABELS} | set(TEST_ONLY_FAMILIES)))
