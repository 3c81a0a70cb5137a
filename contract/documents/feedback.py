"""An analyst's verdict on a prediction: its values, and the label that a training row gets from it.

true_positive    the alert was right: the label that the analyst gives, else the predicted one
false_positive   the alert was wrong: the label that the analyst gives, else the model's harmless one
"""

from __future__ import annotations

from collections.abc import Sequence

from contract.artifact.contract import Label

ROOT = "oversight.feedback"
TRUE_POSITIVE, FALSE_POSITIVE = "true_positive", "false_positive"
VERDICTS = (TRUE_POSITIVE, FALSE_POSITIVE)


def confirmed_label(verdict: str, *, given: str | None, predicted: str | None, labels: Sequence[Label]) -> str | None:
    """The model's label that a verdict confirms; None if it is left open, such as for a true positive `unknown`."""
    names = {label.name for label in labels}
    if given is not None:
        return given if given in names else None
    if verdict == TRUE_POSITIVE:
        return predicted if predicted in names else None
    harmless = [label.name for label in labels if label.severity == 0]
    return harmless[0] if verdict == FALSE_POSITIVE and len(harmless) == 1 else None
