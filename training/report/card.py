"""The sections that a study adds to a model card: musts and goals, results, pictures, the naive model, limits.

model.onnx, report.json ─┬─▶ page() ─▶ MODEL_CARD.md
study.json, pictures ────┘
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contract.artifact.contract import ModelContract
from contract.errors import InputError
from training.data.feature_sets import SETS
from training.evaluation.goals import anchor_rows, goal_rows

STUDY = "study.json"
PICTURES = "figures"
"""Folder next to the card."""
FOUND_BY_CHANCE = 0.1
"""A label counts as not found if a smaller share of its rows is flagged."""
TITLES = {
    "accuracy_23": "accuracy of the closest label, rows of known labels",
    "macro_f1_23": "macro-F1, the same rows",
    "kdd_cost": "KDD Cup cost of the verdict's family",
    "kdd_cost_closest": "KDD Cup cost of the closest label's family",
    "family_accuracy": "accuracy over 5 families",
    "recall_normal": "recall of normal",
    "recall_probe": "recall of probe",
    "recall_dos": "recall of dos",
    "recall_u2r": "recall of u2r",
    "recall_r2l": "recall of r2l",
    "normal_alert_rate": "normal rows that raise an alert",
    "normal_flag_rate": "normal rows flagged (alert or unknown)",
    "attack_alert_rate": "attack rows that raise an alert",
    "attack_flag_rate": "attack rows flagged",
    "ece_family": "calibration error, 5 families",
    "separable_flagged": "rows of unseen labels flagged, of those unlike any normal row",
    "macro_flagged": "the same, mean over labels",
    "auc_attack_probability": "area under the ROC curve, normal against attack",
}
Study = Mapping[str, Any]


def digest(text: str) -> str:
    """Digest of a study.json; each of its pictures contains it."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def study_of(folder: Path, contract: ModelContract) -> Study | None:
    """The study next to an artifact; None if there is none, or if it has other data, columns or another recipe.

    Raises:
        InputError: the file exists but cannot be read.
    """
    path = folder / STUDY
    try:
        study: Study = json.loads(path.read_text(encoding="utf-8"))
        made_by = study["made_by"]
        wanted = json.loads(json.dumps(dict(contract.training["recipe"])))
        same = (made_by["recipe"], made_by["data"], study["model"]) == (
            wanted,
            contract.training["sha256"],
            contract.name,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot read {path} ({error!r}); remove it, or run `oversight evaluate --retrain` again"
        ) from None
    return study if same else None


def goals(study: Study) -> list[str]:
    """The table of musts and goals, and what the numbers measure."""
    done, planned = len(study["done"]), len(study["planned"])
    of_all = study["model"] == SETS["all"].model
    bars = (
        ""
        if of_all
        else f" The bars were set for `{SETS['all'].model}`, which sees more, and stand here for comparison."
    )
    state = "" if done == planned else f" ({done} of {planned} trainings done so far: {', '.join(study['done'])})"
    return [
        "## Musts and goals",
        "",
        f"Trained again by the same recipe, once for each seed and once for each fold{state}, and measured on "
        "the ONNX graph. Held-out "
        f"figures are of `{study['data_file']}`, each distinct vector once, held out by the fold that was not "
        "trained on it; their mean "
        "is over all folds pooled, least and most are of single folds. Test figures are of "
        f"`{study['test_file']}`, all rows.{bars}",
        "",
        *_table(("figure", "measured on", "must", "goal", "mean", "least", "most", "reached"), goal_rows(study)),
    ]


def held_out(study: Study) -> list[str]:
    """Results on held-out vectors over all folds."""
    results = study["held_out"]
    if results is None:
        return []
    by_rows = results["figures_by_rows"]["accuracy_23"]
    rows = [
        (f"`{row['name']}`", f"{row['support']:,}", *(_number(row[key]) for key in ("precision", "recall", "f1")))
        for row in results["by_label"]
    ]
    families = [
        (row["name"], f"{row['support']:,}", *(_number(row[key]) for key in ("precision", "recall", "f1")))
        for row in results["by_family"]
    ]
    return [
        "## Held out, over all folds",
        "",
        f"{results['vectors']:,} distinct vectors, {results['folds']} of {_planned(study, 'fold-')} folds, each "
        "vector measured by a model "
        "that did not see it. Weighted by the rows that each vector stands for the accuracy is "
        f"{_number(by_rows)}: repetitions flatter.",
        "",
        *_table(("label", "vectors", "precision", "recall", "F1"), rows),
        "",
        *_table(("family of the verdict", "vectors", "precision", "recall", "F1"), families),
        "",
        _picture("confusion", "Confusion matrix of the held-out vectors, rows are labels and columns closest labels"),
    ]


def on_test_file(study: Study) -> list[str]:
    """Results on the test file over all seeds."""
    results = study["test"]
    if results is None:
        return []
    rows = [
        (
            title,
            *_spread(results["figures"][key]),
            _number(results["distinct"][key]["mean"]) if key in results["distinct"] else "",
        )
        for key, title in TITLES.items()
    ]
    families = [
        (row["name"], f"{row['support']:,}", *(_number(row[key]["mean"]) for key in ("precision", "recall", "f1")))
        for row in results["by_family"]
    ]
    return [
        "## Test file",
        "",
        f"`{study['test_file']}`, {results['rows']:,} rows, with attacks that training never saw and normal "
        "traffic that drifted; "
        f"{results['seeds']} of {_planned(study, 'seed-')} seeds, each with its own split and weights. The last "
        "column counts "
        "each distinct row once.",
        "",
        *_table(("figure", "mean", "sd", "least", "most", "distinct rows"), rows),
        "",
        *_table(("family of the verdict", "rows", "precision", "recall", "F1"), families),
        "",
        _picture("reliability", "Reliability curve, held-out vectors and test file"),
        "",
        _picture("novelty", "Histogram of the novelty of normal rows, known attacks and unseen attacks"),
        "",
        _picture("roc", "ROC curve of normal against attack, false alarms on a logarithmic axis"),
        "",
        *_unseen(results),
    ]


def naive(study: Study) -> list[str]:
    """The comparison with the naive model."""
    if "anchor" not in study["trainings"]:
        return []
    recipe = study["anchor_made_by"]["recipe"]
    layers = "-".join(map(str, recipe["hidden"]))
    return [
        "## Beside the naive model",
        "",
        f"What tutorials build: words as numbers, nothing scaled, Dense {layers}-23, Adam "
        f"{recipe['learning_rate']}, batch "
        f"{recipe['batch_size']}, {recipe['epochs']} epochs, a random 80 / 20 of all rows. Its own hold-out "
        "has twins of training rows "
        "in it, so the first line is not to be believed. One training of it, with seed 0.",
        "",
        *_table(("figure", "this", "naive"), anchor_rows(study)),
    ]


def not_found(study: Study) -> list[str]:
    """Items of the list of limits: which unseen labels cannot be found, and which were not found."""
    if study["test"] is None:
        return []
    lines = []
    for row in study["test"]["unseen"]:
        twins = row["rows"] - row["separable"]
        if twins:
            lines.append(
                f"`{row['label']}` cannot be found: {twins:,} of its {row['rows']:,} rows in "
                f"`{study['test_file']}` equal a normal row of "
                "that file or of training in all columns. No model of these columns can tell them apart."
            )
    missed = [
        f"`{row['label']}` (of {row['rows']:,} rows {row['flagged']['mean']:.0%} flagged)"
        for row in study["test"]["unseen"]
        if row["separable"] == row["rows"] and row["flagged"]["mean"] < FOUND_BY_CHANCE
    ]
    if missed:
        lines.append(
            f"Not found either, though their rows are their own: {', '.join(missed)}. Unknown attacks may stay unknown."
        )
    return lines


def _unseen(found: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            f"`{row['label']}`",
            f"{row['rows']:,}",
            f"{row['separable']:,}",
            *(_percent(row[key]) for key in ("alerts", "flagged")),
            ", ".join(f"{name} {share:.0%}" for name, share in row["called"].items()),
        )
        for row in found["unseen"]
    ]
    return [
        "### Attacks that training never saw",
        "",
        "Of each label: its rows, those that equal no normal row, the share that raises an alert, the share "
        "flagged (mean, least to "
        "most over seeds), and the closest labels.",
        "",
        *_table(("label", "rows", "unlike normal", "alert", "flagged", "called"), rows),
    ]


def _planned(study: Study, kind: str) -> int:
    return sum(name.startswith(kind) for name in study["planned"])


def _picture(name: str, words: str) -> str:
    return f"![{words}]({PICTURES}/{name}.svg)"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *(f"| {' | '.join(row)} |" for row in rows)]


def _spread(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_number(found[key]) for key in ("mean", "sd", "min", "max"))


def _percent(found: Mapping[str, Any]) -> str:
    if found["min"] == found["max"]:
        return f"{found['mean']:.0%}"
    return f"{found['mean']:.0%} ({found['min']:.0%} to {found['max']:.0%})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
