"""Labels and the columns that hold them: what counts as the truth of a line, in the pipelines, in `ship` and in
training.

duration, ..., label              KDD Cup 99: a 42nd column
duration, ..., label, difficulty  NSL-KDD: a 43rd one behind it
@attribute 'class' {...}          the same as ARFF calls it
"""

from __future__ import annotations

from contract.artifact.contract import ModelContract
from contract.kdd99.columns import LABELS, TEST_ONLY_FAMILIES, field_of

LABEL = "label"
LABEL_NAMES: tuple[str, ...] = (LABEL, "class", "attack")
"""What files call the column of the label."""

DIFFICULTY = field_of("difficulty")
"""Document field of NSL-KDD's last column: 0 to 21, how many of 21 simple models were right."""
DIFFICULTY_NAMES: tuple[str, ...] = ("difficulty", "difficulty_level")
"""What files call that column."""


def known_labels(contract: ModelContract) -> tuple[str, ...]:
    """Every word that counts as a label, sorted: those of the model, and those of KDD's training and test sets.

    Any other word in the place of a label is kept in `oversight.rejected`, since a line is anyone's text.
    """
    ours = {label.name for label in contract.labels}
    return tuple(sorted(ours | {label.name for label in LABELS} | set(TEST_ONLY_FAMILIES)))
