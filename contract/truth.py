"""Which labels count as truth: words that a raw line or a shipper may bring as `oversight.truth.label`."""

from __future__ import annotations

from contract import kdd99
from contract.artifact import ModelContract


def known_labels(contract: ModelContract) -> tuple[str, ...]:
    """The model's own labels and those of KDD Cup 99, its test set included, in alphabetical order."""
    kdd = (label.name for label in kdd99.LABELS)
    return tuple(sorted({*(label.name for label in contract.labels), *kdd, *kdd99.TEST_ONLY_FAMILIES}))
