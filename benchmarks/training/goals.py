"""The musts and goals of the classifier, set before training. The terminal and the model card show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Goal:
    """One figure with its two bars: the must and the goal."""

    figure: str
    """The figure's key among the figures of its part."""
    title: str
    where: Literal["held_out", "test", "training"]
    """Measured on the held-out vectors of all folds, on the test file, or on the training itself."""
    must: float
    goal: float
    higher_is_better: bool = True
    unit: Literal["number", "percent", "seconds"] = "number"


GOALS: tuple[Goal, ...] = (
    Goal("accuracy_23", "accuracy of the closest label, 23 labels", "held_out", 0.998, 0.9990),
    Goal("macro_f1_23", "macro-F1, 23 labels", "held_out", 0.74, 0.80),
    Goal("macro_recall_common", "macro recall, labels with 19 distinct vectors or more", "held_out", 0.96, 0.975),
    Goal("kdd_cost", "KDD Cup cost of the verdict's family", "test", 0.20, 0.160, higher_is_better=False),
    Goal("family_accuracy", "accuracy over 5 families", "test", 0.93, 0.950),
    Goal("recall_r2l", "recall of r2l", "test", 0.10, 0.35),
    Goal(
        "normal_alert_rate",
        "normal rows that raise an alert",
        "test",
        0.015,
        0.005,
        higher_is_better=False,
        unit="percent",
    ),
    Goal(
        "normal_flag_rate",
        "normal rows flagged (alert or unknown)",
        "test",
        0.05,
        0.035,
        higher_is_better=False,
        unit="percent",
    ),
    Goal(
        "separable_flagged",
        "rows of unseen labels flagged, without twins of normal rows",
        "test",
        0.40,
        0.70,
        unit="percent",
    ),
    Goal("macro_flagged", "the same, as a mean over labels", "test", 0.70, 0.80),
    Goal("ece_family", "calibration error, 5 families", "held_out", 0.005, 0.005, higher_is_better=False),
    Goal("ece_family", "calibration error, 5 families", "test", 0.07, 0.03, higher_is_better=False),
    Goal(
        "seconds", "processor time of training one model", "training", 600, 180, higher_is_better=False, unit="seconds"
    ),
)

PLACES = {"held_out": "held-out vectors", "test": "test file", "training": "seeds"}


def goal_rows(study: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the table of musts and goals: figure, where, must, goal, mean, least, most, what is reached.

    Args:
        study: the content of study.json.
    """
    rows = []
    measured_goals = {(row["figure"], row["where"]): row for row in study["goals"]}
    for goal in GOALS:
        figures = measured_goals[goal.figure, goal.where]
        bound = "≥" if goal.higher_is_better else "≤"
        must, aim = (f"{bound} {shown(bar, goal.unit)}" for bar in (goal.must, goal.goal))
        reached = (
            "goal" if figures["meets_goal"] else "must" if figures["meets_must"] else "-" if figures["n"] == 0 else "no"
        )
        measured = (shown(figures[key], goal.unit) for key in ("mean", "min", "max"))
        rows.append((goal.title, f"{PLACES[goal.where]} ({figures['n']})", must, aim, *measured, reached))
    return rows


def anchor_rows(study: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Rows of the comparison with the naive model: figure, ours, the naive model's."""
    naive = study["trainings"]["anchor"]
    ours, held_out = study["test"], study["held_out"]
    rows = [
        (
            "accuracy, 23 labels, the naive model's own 20 % of all rows, twins of training rows included",
            None,
            naive["held_out_by_rows"]["accuracy_23"],
        ),
        (
            "accuracy, 23 labels, distinct vectors that training did not see",
            held_out and held_out["figures"]["accuracy_23"],
            naive["not_leaked"]["accuracy_23"],
        ),
        (
            "macro-F1, 23 labels, the same",
            held_out and held_out["figures"]["macro_f1_23"],
            naive["not_leaked"]["macro_f1_23"],
        ),
    ]
    titles = {
        "kdd_cost": "KDD Cup cost, test file",
        "family_accuracy": "accuracy over 5 families, test file",
        "recall_r2l": "recall of r2l, test file",
        "normal_alert_rate": "normal rows that raise an alert, test file",
        "attack_alert_rate": "attack rows that raise an alert, test file",
        "separable_flagged": "rows of unseen labels flagged, without twins of normal rows, test file",
        "ece_family": "calibration error, 5 families, test file",
        "auc_attack_probability": "area under the ROC curve, normal against attack, test file",
    }
    rows += [(title, ours and ours["figures"][key]["mean"], naive["test"][key]) for key, title in titles.items()]
    return [(title, shown(mine), shown(its)) for title, mine, its in rows]


def shown(value: float | None, unit: str = "number") -> str:
    """A number as the tables print it."""
    if value is None:
        return "-"
    return {"percent": f"{value:.2%}", "seconds": f"{value:.0f} s", "number": f"{value:.4f}"}[unit]
