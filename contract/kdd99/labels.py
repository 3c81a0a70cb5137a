"""Labels and their columns: what counts as the truth of a line in the pipelines, in `ship` and in training.

duration, ..., label              KDD Cup 99: a 42nd column
duration, ..., label, difficulty  NSL-KDD: a 43rd column after it
@attribute 'class' {...}          the name in ARFF files
"""

from __future__ import annotations

from contract.artifact.contract import ModelContract
from contract.kdd99.columns import LABELS, TEST_ONLY_FAMILIES, field_of

LABEL = "label"
LABEL_NAMES: tuple[str, ...] = (LABEL, "class", "attack")
"""Names of the label's column in files."""

DIFFICULTY = field_of("difficulty")
"""Document field for NSL-KDD's last column: 0 to 21, how many of 21 simple models were right."""
DIFFICULTY_NAMES: tuple[str, ...] = ("difficulty", "difficulty_level")
"""Names of that column in files."""


def known_labels(contract: ModelContract) -> tuple[str, ...]:
    """Every word that counts as a label, sorted: the model's labels, and those of KDD's training and test sets.

    Any other word in the label's place goes to `oversight.rejected`, because a line can contain anything.
    """
    ours = {label.name for label in contract.labels}
    return tuple(sorted(ours | {label.name for label in LABELS} | set(TEST_ONLY_FAMILIES)))
