"""Generates docs/models.md: both shipped artifacts side by side, with figures that anyone can measure again.

models/*/model.onnx ─┬─▶ held-out figures stored in the artifact ─────────┐
labelled file ───────┴─▶ figures of `oversight evaluate` on the file ─────┴─▶ docs/models.md

python -m docs.generate.models_page --data FILE            write the page
python -m docs.generate.models_page --data FILE --check    exit 1 if it differs
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from common.settings.shared import DEFAULT_MODEL
from contract.kdd99.columns import CONTENT
from training.data.feature_sets import SETS
from training.data.records import Records, read
from training.evaluation.evaluate import evaluate, open_artifact, predict

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "models.md"
FIGURES = (
    ("accuracy, 23 labels", "accuracy_23"),
    ("macro-F1, 23 labels", "macro_f1_23"),
    ("accuracy, 5 families", "family_accuracy"),
    ("mean cost, KDD Cup 99 matrix", "kdd_cost"),
    ("normal that raises an alert", "normal_alert_rate"),
    ("normal that raises an alert or is unknown", "normal_flag_rate"),
    ("expected calibration error, 5 families", "ece_family"),
)


class Shipped(NamedTuple):
    """One artifact and its figures."""

    title: str
    training: Mapping[str, Any]
    held_out: Mapping[str, Any]
    test: Mapping[str, Any]
    filled: Mapping[str, Any] | None
    """Like `test`, with 0 in all content columns; None if the model does not read them."""


def measure(path: Path, data: Path) -> Shipped:
    """Measure an artifact on a labelled file.

    Raises:
        ArtifactError: the artifact cannot be read.
        InputError: the file is not a labelled KDD file.
    """
    session, contract = open_artifact(path)
    records, _ = read(data, tuple(feature.name for feature in contract.features))

    def figures(rows: Records) -> dict[str, Any]:
        return evaluate(rows, predict(session, contract, rows), contract)

    content = [index for index, column in enumerate(records.numeric_columns) if column in CONTENT]
    filled = None
    if content:
        numeric = records.numeric.copy()
        numeric[:, content] = 0
        filled = figures(dataclasses.replace(records, numeric=numeric))
    title = f"{contract.name} ({len(contract.features)} features)"
    return Shipped(title, contract.training, contract.heldout, figures(records), filled)


def page(models: list[Shipped], data: str) -> str:
    """Return the text of the page."""
    sections = [_which(models), _pending(), _held_out(models), _test(models, data), _unseen(models, data), _again(data)]
    return "\n".join("\n".join(section) for section in sections)


def _which(models: list[Shipped]) -> list[str]:
    everything, flow = SETS["all"], SETS["flow"]
    return [
        "# The two models",
        "",
        "<!-- Made by `python -m docs.generate.models_page`; edit that, not this page. -->",
        "",
        f"| | [{everything.model}](../models/{everything.model}/MODEL_CARD.md) | "
        f"[{flow.model}](../models/{flow.model}/MODEL_CARD.md) |",
        "|---|---|---|",
        f"| reads | all {len(everything.columns)} columns of KDD Cup 99 | the {len(flow.columns)} that are "
        "not read from "
        "inside the connection |",
        "| use it | where the content columns (10 to 22, `hot` to `is_guest_login`) are measured: KDD files, "
        "the simulator | "
        "where they are not: nearly every real sensor, encrypted traffic |",
        "| a document without content columns | fails as `missing_feature` | is predicted |",
        "| set | the default | `OVERSIGHT_MODEL=models/kdd99-flow/model.onnx` for `provision`, `serve` and `watch` |",
        "",
        f"Do not fill the gaps with zeros for `{everything.model}`: a finished `http` connection with "
        "`logged_in` 0 is like nothing "
        f"in training. Of the normal rows below {_share(models[0].filled)} then raise an alert or are "
        "`unknown`, instead of "
        f"{_share(models[0].test)}.",
        "",
    ]


def _pending() -> list[str]:
    return [
        "## Changing from one to the other",
        "",
        "Both take the same lines, 41 columns with or without a label, and the same mapping. Set "
        "`OVERSIGHT_MODEL`, run `oversight "
        "provision`, and start `serve` and `watch` again; pipelines are updated in place. With `kdd99-flow` "
        "a line of its 28 columns "
        "alone is taken as well (29 with the label); with `kdd99-mlp` it fails as `column_count`. What was pending is "
        "predicted by the model that comes next, where its features are there; else it fails as "
        "`missing_feature` and names the "
        "field.",
        "",
        "With `kdd99-flow`, a content column that is empty is left out of the document, and one that is no "
        "number (`-`) is set aside "
        "in `oversight.rejected`; with `kdd99-mlp` both fail.",
        "",
    ]


def _held_out(models: list[Shipped]) -> list[str]:
    counts = " and ".join(f"{model.training['held_out_vectors']:,}" for model in models)
    distinct = " and ".join(f"{model.training['distinct_vectors']:,}" for model in models)
    contradictory = " and ".join(str(model.training["contradictory_vectors"]) for model in models)
    return [
        "## On held-out vectors",
        "",
        f"{counts} vectors of `{models[0].training['data']}` that training never saw, each counted once. "
        "Without the content "
        f"columns nearly as many vectors remain distinct ({distinct}), and {contradictory} stand under two labels.",
        "",
        *_table([(model.title, model.held_out) for model in models]),
    ]


def _test(models: list[Shipped], data: str) -> list[str]:
    filled = [(f"{model.title}, content columns 0", model.filled) for model in models if model.filled is not None]
    return [
        f"## On `{data}`",
        "",
        f"{models[0].test['rows']:,} rows, repetitions included, with attacks that training never saw and "
        "normal traffic that has "
        "drifted.",
        "",
        *_table([*((model.title, model.test) for model in models), *filled]),
    ]


def _table(columns: list[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Return a table with one row per figure and one column per title."""
    figures = [model_figures for _, model_figures in columns]
    families = [(f"recall of {name}", name) for name in figures[0]["family_recall"]]
    rows = [[title, *(_number(model_figures[key]) for model_figures in figures)] for title, key in FIGURES]
    rows += [
        [title, *(_number(model_figures["family_recall"][key]) for model_figures in figures)] for title, key in families
    ]
    head = ["figure", *(title for title, _ in columns)]
    return [_row(head), "|---|" + "---|" * len(columns), *map(_row, rows), ""]


def _unseen(models: list[Shipped], data: str) -> list[str]:
    """Return the share of flagged rows for each attack label that training never saw."""
    labels = sorted(models[0].test["unseen"].items(), key=lambda item: -int(item[1]["rows"]))
    rows = [
        [f"`{label}`", f"{facts['rows']:,}", *(_flagged(model.test["unseen"][label]) for model in models)]
        for label, facts in labels
    ]
    return [
        f"### Attacks of `{data}` that training never saw",
        "",
        "Share of rows that raised an alert or were called `unknown`.",
        "",
        _row(["label", "rows", *(model.title for model in models)]),
        "|---|---|" + "---|" * len(models),
        *map(_row, rows),
        "",
    ]


def _again(data: str) -> list[str]:
    everything, flow = SETS["all"], SETS["flow"]
    return [
        "## Measured by",
        "",
        "The held-out figures stand in the artifacts (`oversight model --json`) and beside them in "
        "`report.json`; those of the "
        "test file are",
        "",
        "```",
        *(
            f"oversight evaluate --data {data} --model models/{feature_set.model}/model.onnx --json"
            for feature_set in (everything, flow)
        ),
        f"zcat {data} | awk -F, -v OFS=, '{{for (i = 10; i <= 22; i++) $i = 0}} 1' > zeros.csv",
        f"oversight evaluate --data zeros.csv --model models/{everything.model}/model.onnx --json",
        "```",
        "",
        f"and `python -m docs.generate.models_page --data {data}` writes this page. The artifacts are made by",
        "",
        "```",
        "oversight train --data kddcup.data_10_percent.gz --seed 0 --output models/kdd99-mlp",
        "oversight train --data kddcup.data_10_percent.gz --seed 0 --features flow --output models/kdd99-flow",
        "```",
        "",
    ]


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _share(figures: Mapping[str, Any] | None) -> str:
    """Return the share of normal rows that someone would have to look at."""
    rate = None if figures is None else figures["normal_flag_rate"]
    return "-" if rate is None else f"{rate:.1%}"


def _flagged(facts: Mapping[str, Any]) -> str:
    return f"{facts['flagged'] / facts['rows']:.1%}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def main() -> None:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(prog="python -m docs.generate.models_page", description="Write docs/models.md.")
    parser.add_argument("--data", type=Path, required=True, help="labelled KDD Cup 99 file, the test set")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page differs")
    options = parser.parse_args()
    folder = DEFAULT_MODEL.parent.parent
    models = [measure(folder / feature_set.model / DEFAULT_MODEL.name, options.data) for feature_set in SETS.values()]
    text = page(models, options.data.name)
    same = PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text
    if options.check and not same:
        sys.exit(
            f"{PAGE.name} differs from what was measured; run python -m docs.generate.models_page --data {options.data}"
        )
    if not same:
        PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} {'is up to date' if same else 'written'}\n")


if __name__ == "__main__":
    main()
