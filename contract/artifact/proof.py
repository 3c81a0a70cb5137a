"""What a converted model was compared with, in plain words: for check, model, the console and `GET /v1/model`.

labels, {"rows": 1000, "accuracy": 0.97, "guessing_accuracy": 0.62}
                       ──▶ "labels, accuracy 0.97 (guessing 0.62) on 1,000 rows with known labels"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from contract.artifact.contract import ModelContract, Proof

GUESSING = "guessing_"
"""A figure of this name is what guessing gives; the other one of the pair is the model's."""
ROWS = "rows"
FIGURES = {
    "accuracy": "accuracy",
    "macro_f1": "macro-F1",
    "mean_absolute_error": "mean absolute error",
    "r2": "R2",
    "roc_auc": "ROC AUC",
    "found": "share of anomalies found",
    "false_alerts": "share of false alerts",
}
"""The figures that are shown, in this order, with their names."""


def proof_in_words(contract: ModelContract) -> str:
    """The kind of proof and its figures, in one line."""
    return f"{contract.proof}, {_compared_with(contract.proof, contract.proved)}"


def _compared_with(proof: Proof, proved: Mapping[str, Any]) -> str:
    """What the model was compared with, and the figures of that comparison, in one line."""
    rows = proved.get(ROWS)
    of_rows = f"{rows:,} rows" if _is_number(rows) else "some rows"
    if proof == "none":
        return "not compared with known labels or with the author's program"
    figures = ", ".join(_figures_in_words(proved))
    if proof == "labels":
        return f"{figures or 'measured'} on {of_rows} with known labels"
    return f"equal to the author's program on {of_rows}" + (f"; {figures}" if figures else "")


def _figures_in_words(proved: Mapping[str, Any]) -> Iterator[str]:
    """Each figure that is a number, with the figure of guessing if there is one."""
    for name, title in FIGURES.items():
        value, guess = proved.get(name), proved.get(f"{GUESSING}{name}")
        if _is_number(value):
            yield f"{title} {value:g}" + (f" (guessing {guess:g})" if _is_number(guess) else "")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
