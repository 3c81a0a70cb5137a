"""The model card with a study: adds musts and goals, results, pictures, the naive model and limits.

model.onnx, report.json ─┬─▶ page() ─▶ MODEL_CARD.md
study.json, pictures ────┘
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.training.goals import anchor_rows, goal_rows
from contract.artifact.contract import ModelContract
from contract.errors import InputError
from training.data.feature_sets import SETS, command_options
from training.report import files
from training.report.files import number, table

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
    "separable_flagged": "rows of unseen labels flagged, without twins of normal rows",
    "macro_flagged": "the same, as a mean over labels",
    "auc_attack_probability": "area under the ROC curve, normal against attack",
}
CLASS_FIGURES = ("precision", "recall", "F1")
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
        same = (made_by["recipe"], made_by["data"], made_by["columns"], study["model"]) == (
            wanted,
            contract.training["sha256"],
            len(contract.features),
            contract.name,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"cannot read {path} ({error!r}); remove it, or run `python -m benchmarks.training` again"
        ) from None
    return study if same else None


def page(folder: Path, contract: ModelContract) -> str:
    """The card of an artifact from the report and the study next to it; without a study, from the report alone.

    Raises:
        InputError: report.json or study.json exists but cannot be read.
    """
    study = study_of(folder, contract)
    if study is None:
        return files.page(folder, contract)
    figures, labels, artifact = files.read_report(folder)
    return files.joined(
        [
            files.title(contract, artifact),
            files.what_it_is(contract),
            goals(study),
            files.training_data(contract.training),
            files.held_out_figures(contract.training, figures),
            [] if study["held_out"] is not None else files.label_table(labels),
            held_out(study),
            on_test_file(study),
            naive(study),
            files.limits(contract, labels, not_found(study) or [files.TWINS]),
            files.choices(),
            files.commands(contract, [_command(study, contract)]),
        ]
    )


def goals(study: Study) -> list[str]:
    """The table of musts and goals, and what the numbers measure."""
    done, planned = len(study["done"]), len(study["planned"])
    largest = SETS["all"].model
    bars = ""
    if study["model"] != largest:
        bars = f" The bars were set for `{largest}`, which reads more columns; they are shown for comparison."
    state = "" if done == planned else f" ({done} of {planned} trainings done so far: {', '.join(study['done'])})"
    return [
        "## Musts and goals",
        "",
        "The same recipe was trained again once for each seed and once for each fold"
        f"{state}, and measured on the ONNX graph. "
        f"Held-out figures are of `{study['data_file']}`: each distinct vector counts once and is measured by the fold "
        "that was not trained on it. Their mean is over all folds pooled; least and most are of single folds. "
        f"Test figures are of `{study['test_file']}`, all rows. A twin is a row that equals another one in all "
        f"columns.{bars}",
        "",
        *table(("figure", "measured on", "must", "goal", "mean", "least", "most", "reached"), goal_rows(study)),
    ]


def held_out(study: Study) -> list[str]:
    """Results on held-out vectors over all folds."""
    results = study["held_out"]
    if results is None:
        return []
    return [
        "## Held out, over all folds",
        "",
        f"{results['vectors']:,} distinct vectors, {results['folds']} of {_planned(study, 'fold-')} folds. Each vector "
        "is measured by a model that did not see it. If each vector counts as often as it occurs in the file, the "
        f"accuracy is {number(results['figures_by_rows']['accuracy_23'])}: repetitions make it look better.",
        "",
        *table(
            ("label", "vectors", *CLASS_FIGURES), [(f"`{row['name']}`", *_class(row)) for row in results["by_label"]]
        ),
        "",
        *table(
            ("family of the verdict", "vectors", *CLASS_FIGURES),
            [(row["name"], *_class(row)) for row in results["by_family"]],
        ),
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
            *(number(results["figures"][key][part]) for part in ("mean", "sd", "min", "max")),
            number(results["distinct"][key]["mean"]) if key in results["distinct"] else "",
        )
        for key, title in TITLES.items()
    ]
    families = [
        (row["name"], f"{row['support']:,}", *(number(row[key]["mean"]) for key in ("precision", "recall", "f1")))
        for row in results["by_family"]
    ]
    return [
        "## Test file",
        "",
        f"`{study['test_file']}`: {results['rows']:,} rows, with attacks that training never saw and normal traffic "
        f"that has drifted. {results['seeds']} of {_planned(study, 'seed-')} seeds, each with its own split and "
        "weights. The last column counts each distinct row once.",
        "",
        *table(("figure", "mean", "sd", "least", "most", "distinct rows"), rows),
        "",
        *table(("family of the verdict", "rows", *CLASS_FIGURES), families),
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
        "## Comparison with a naive model",
        "",
        f"The naive model is what tutorials build: words as numbers, nothing scaled, Dense {layers}-23, Adam "
        f"{recipe['learning_rate']}, batch {recipe['batch_size']}, {recipe['epochs']} epochs, a random 80 / 20 split "
        "of all rows. Its held-out rows include twins of its training rows, so the first line looks better than it is. "
        "It was trained once, with seed 0.",
        "",
        *table(("figure", "this model", "naive model"), anchor_rows(study)),
    ]


def not_found(study: Study) -> list[str]:
    """Items of the list of limits: which unseen labels cannot be found, and which were not found."""
    if study["test"] is None:
        return []
    lines = [
        f"`{row['label']}` cannot be found: {row['rows'] - row['separable']:,} of its {row['rows']:,} rows in "
        f"`{study['test_file']}` equal a normal row of that file or of the training data in all columns. No model of "
        "these columns can tell them apart."
        for row in study["test"]["unseen"]
        if row["separable"] < row["rows"]
    ]
    missed = [
        f"`{row['label']}` ({row['flagged']['mean']:.0%} of {row['rows']:,} rows flagged)"
        for row in study["test"]["unseen"]
        if row["separable"] == row["rows"] and row["flagged"]["mean"] < FOUND_BY_CHANCE
    ]
    if missed:
        lines.append(
            f"It did not find {', '.join(missed)} either, although no normal row equals their rows. Unknown attacks "
            "can stay unknown."
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
        "For each label: its rows, the rows that equal no normal row, the share that raises an alert, the share that "
        "is flagged (mean, and least to most over the seeds), and the closest labels.",
        "",
        *table(("label", "rows", "unlike normal", "alert", "flagged", "closest labels"), rows),
    ]


def _command(study: Study, contract: ModelContract) -> str:
    """The command that makes the study again."""
    seeds, folds = (_planned(study, kind) for kind in ("seed-", "fold-"))
    anchor = " --anchor" if "anchor" in study["planned"] else ""
    return (
        f"python -m benchmarks.training --data {study['data_file']} --test {study['test_file']} --seeds {seeds} "
        f"--folds {folds}{command_options(contract)}{anchor}"
    )


def _planned(study: Study, kind: str) -> int:
    """How many trainings of a kind (`seed-`, `fold-`) the study is to have."""
    return sum(name.startswith(kind) for name in study["planned"])


def _picture(name: str, words: str) -> str:
    return f"![{words}]({PICTURES}/{name}.svg)"


def _class(row: Mapping[str, Any]) -> tuple[str, ...]:
    return f"{row['support']:,}", *(number(row[key]) for key in ("precision", "recall", "f1"))


def _percent(found: Mapping[str, Any]) -> str:
    if found["min"] == found["max"]:
        return f"{found['mean']:.0%}"
    return f"{found['mean']:.0%} ({found['min']:.0%} to {found['max']:.0%})"
