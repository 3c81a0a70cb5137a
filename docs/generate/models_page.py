"""Generates docs/models.md: both shipped artifacts side by side, with figures that anyone can measure again.

models/*/model.onnx ─┬─▶ held-out figures stored in the artifact ─────────┬─▶ docs/models.md
labelled file ───────┴─▶ figures of `oversight evaluate` on the file ─────┤
kdd99-flow-28.json ────▶ the same figures of kdd99-flow with 28 features ─┘

python -m docs.generate.models_page --data FILE            write the page
python -m docs.generate.models_page --data FILE --check    exit 1 if it differs
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from contract.artifact.contract import ModelContract
from contract.kdd99.columns import CONTENT, NORMAL, PACKET
from contract.shipped_models import shipped_path
from training.data.feature_sets import SETS
from training.data.records import Records, read
from training.evaluation.evaluate import Predictions, evaluate, judge, open_artifact, predict

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "models.md"
BEFORE = Path(__file__).with_name("kdd99-flow-28.json")
"""Figures of the last `kdd99-flow` that read `wrong_fragment` and `urgent`, measured on `corrected-dev.gz`."""
FRAGMENTED = ("teardrop", "pod")
"""Attacks that consist of wrong fragments."""
OTHER_SIZE = 64
"""Bytes of these attacks if another tool than KDD's had sent them."""
LOST = 0.02
"""A share of rows is named as lost or gained if it changed by more than this."""
FIGURES = (
    ("accuracy, 23 labels", "accuracy_23"),
    ("macro-F1, 23 labels", "macro_f1_23"),
    ("accuracy, 5 families", "family_accuracy"),
    ("mean cost, KDD Cup 99 matrix", "kdd_cost"),
    ("normal rows that alert", "normal_alert_rate"),
    ("normal rows that alert or are unknown", "normal_flag_rate"),
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
    attacks: Mapping[str, Mapping[str, int]] = {}
    """For each attack of the file that training knew: its rows, those with its own label, those that were flagged."""
    resized: Mapping[str, int] = {}
    """For each attack of fragments: the rows that were flagged with `OTHER_SIZE` as `src_bytes`."""


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
    attacks = _attacks(records, predict(session, contract, records), contract)
    numeric = records.numeric.copy()
    numeric[:, records.numeric_columns.index("src_bytes")] = OTHER_SIZE
    other = dataclasses.replace(records, numeric=numeric)
    resized = _attacks(other, predict(session, contract, other), contract)
    return Shipped(
        title,
        contract.training,
        contract.heldout,
        figures(records),
        filled,
        attacks,
        {label: resized[label]["flagged"] for label in FRAGMENTED if label in resized},
    )


def _attacks(records: Records, predictions: Predictions, contract: ModelContract) -> dict[str, dict[str, int]]:
    verdicts = judge(predictions, contract)
    found = {}
    for place, label in enumerate(contract.labels):
        of_label = records.labels == label.name
        if label.name == NORMAL or not of_label.any():
            continue
        parts = {"rows": of_label, "right": of_label & (verdicts.closest == place)}
        parts["flagged"] = of_label & verdicts.flagged
        found[label.name] = {name: int(np.sum(records.counts[part])) for name, part in parts.items()}
    return found


def page(models: list[Shipped], data: str, before: Shipped | None = None) -> str:
    """Return the text of the page.

    Args:
        models: the shipped models.
        data: name of the labelled file.
        before: `kdd99-flow` with 28 features, as another column.
    """
    measured = [*models, before] if before is not None else models
    sections = [
        _which(models),
        _pending(),
        [] if before is None else _before(models[-1], before, data),
        _held_out(measured),
        _test(measured, data),
        _known(measured, data),
        _unseen(measured, data),
        _again(data),
    ]
    return "\n".join("\n".join(section) for section in sections if section)


def _which(models: list[Shipped]) -> list[str]:
    everything, flow = SETS["all"], SETS["flow"]
    return [
        "# The two models",
        "",
        "<!-- Generated by `python -m docs.generate.models_page`; edit that module, not this page. -->",
        "",
        f"Which of the two shipped models do you need? Most people with a real network: `{flow.model}`. The figures "
        "below say how much each finds.",
        "",
        f"| | [{everything.model}](../models/{everything.model}/MODEL_CARD.md) | "
        f"[{flow.model}](../models/{flow.model}/MODEL_CARD.md) |",
        "|---|---|---|",
        f"| inputs | all {len(everything.columns)} columns of KDD Cup 99 | the {len(flow.columns)} columns that "
        "a flow log has: no packet contents, no `wrong_fragment`, no `urgent` |",
        "| use it if | the content columns (10 to 22, `hot` to `is_guest_login`) are measured: KDD files, the "
        "simulator | "
        "they are not: almost every real sensor, encrypted traffic |",
        "| a document without these columns | fails as `missing_feature` | is predicted |",
        f"| stream | `logs-oversight.{everything.dataset}-NAMESPACE` | `logs-oversight.{flow.dataset}-NAMESPACE` |",
        f"| setting | the default | `OVERSIGHT_MODEL={flow.model}` for `provision`, `ship`, `serve`, `watch` and "
        "`console` |",
        "",
        f"For `{everything.model}`, do not fill missing content columns with zeros: a finished `http` connection with "
        f"`logged_in` 0 is unlike anything in training. Then {_share(models[0].filled)} of the normal rows below "
        "raise an "
        f"alert or are `unknown`, instead of {_share(models[0].test)}.",
        "",
    ]


def _pending() -> list[str]:
    n_flow = len(SETS["flow"].columns)
    return [
        "## Switching between the models",
        "",
        "Each model has a stream of its own, so both can be used in one installation. To switch, set "
        "`OVERSIGHT_MODEL=kdd99-flow`, run `oversight provision`, and restart what ships, `serve`, `watch` and the "
        "console with the same setting. The events of the other stream stay there, with their predictions.",
        "",
        "To use the other model in the stream that you have, name the stream's dataset too: "
        "`OVERSIGHT_MODEL=kdd99-flow OVERSIGHT_DATASET=connection`, for each of these commands. `provision` updates "
        "the pipelines in place. The new model predicts pending documents that have its features. The others fail as "
        "`missing_feature`, and the message names the field.",
        "",
        "Both accept the same lines (41 columns, with or without a label) and use the same mapping. `kdd99-flow` also "
        f"accepts a line with only its {n_flow} columns ({n_flow + 1} with the label); with `kdd99-mlp` such a line "
        "fails as `column_count`. Lines of the 28 columns that `kdd99-flow` read before need a header that names them.",
        "",
        "With `kdd99-flow`, an empty column that it does not read is left out of the document, and one that is not a "
        "number (`-`) goes to `oversight.rejected`. With `kdd99-mlp` both fail.",
        "",
    ]


def _before(now: Shipped, before: Shipped, data: str) -> list[str]:
    """Return what the model lost when it stopped reading two columns."""
    changed = []
    for label, facts in now.attacks.items():
        rows = facts["rows"]
        was, is_now = (model.attacks[label]["right"] / rows for model in (before, now))
        if abs(was - is_now) > LOST:
            changed.append(f"`{label}` {was:.1%} before and {is_now:.1%} now ({rows:,} rows)")
    columns = " and ".join(f"`{column}`" for column in PACKET)
    sizes = " and ".join(
        "{:.0%} of the `{}` rows (before: {:.0%})".format(
            now.resized[label] / now.attacks[label]["rows"], label, before.resized[label] / now.attacks[label]["rows"]
        )
        for label in now.resized
    )
    return [
        "## Before: 28 features",
        "",
        f"Before version 0.4.0 `kdd99-flow` also read {columns}, which no flow log has. The tables below have the "
        "figures of that artifact too, recorded when it was replaced "
        f"(`docs/generate/{BEFORE.name}`).",
        "",
        "`teardrop` and `pod` consist of wrong fragments, so these are the attacks to look at. In KDD's records the "
        "model still finds both (table below), by their protocol, service, counts and sizes, because KDD has one tool "
        "for each, which always sends the same few sizes. With "
        f"{OTHER_SIZE} bytes in place of those sizes, it flags {sizes}.",
        "",
        f"Attacks of `{data}` whose share of rows with their own label changed by more than {LOST:.0%}: "
        f"{', '.join(changed) or 'none'}. One training differs from the next by as much; the model card has the "
        "spread.",
        "",
    ]


def _held_out(models: list[Shipped]) -> list[str]:
    return [
        "## On held-out vectors",
        "",
        f"Vectors of `{models[0].training['data']}` that training never saw, each counted once. With fewer columns, "
        "almost as many vectors are distinct.",
        "",
        _row(["", *(model.title for model in models)]),
        "|---|" + "---|" * len(models),
        *(
            _row([title, *(f"{model.training[key]:,}" for model in models)])
            for title, key in (
                ("held-out vectors", "held_out_vectors"),
                ("distinct vectors", "distinct_vectors"),
                ("vectors with two labels", "contradictory_vectors"),
            )
        ),
        "",
        *_table([(model.title, model.held_out) for model in models]),
    ]


def _test(models: list[Shipped], data: str) -> list[str]:
    filled = [(f"{model.title}, content columns 0", model.filled) for model in models if model.filled is not None]
    return [
        f"## On `{data}`",
        "",
        f"{models[0].test['rows']:,} rows, including repeated ones, with attacks that training never saw and "
        "normal traffic "
        "that has drifted.",
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


def _known(models: list[Shipped], data: str) -> list[str]:
    """Return, for each attack that training knew, the share of rows with its own label and of flagged rows."""
    if not models[0].attacks:
        return []
    order = sorted(models[0].attacks, key=lambda label: -models[0].attacks[label]["rows"])
    rows = [
        [f"`{label}`", f"{models[0].attacks[label]['rows']:,}", *(_both(model.attacks[label]) for model in models)]
        for label in order
    ]
    return [
        f"### Attacks of `{data}` that training knew",
        "",
        "Share of rows that got their own label; in brackets, the share that raised an alert or were `unknown`.",
        "",
        _row(["label", "rows", *(model.title for model in models)]),
        "|---|---|" + "---|" * len(models),
        *map(_row, rows),
        "",
    ]


def _both(facts: Mapping[str, int]) -> str:
    return f"{facts['right'] / facts['rows']:.1%} ({_flagged(facts)})"


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
        "Share of rows that raised an alert or were `unknown`.",
        "",
        _row(["label", "rows", *(model.title for model in models)]),
        "|---|---|" + "---|" * len(models),
        *map(_row, rows),
        "",
    ]


def _again(data: str) -> list[str]:
    everything, flow = SETS["all"], SETS["flow"]
    return [
        "## How to measure again",
        "",
        "The held-out figures are in the artifacts (`oversight model --json`) and in `report.json` beside them. "
        "These commands "
        "measure the figures of the test file:",
        "",
        "<!-- not run: needs a data set that is not in this repository -->",
        "```sh",
        *(f"oversight evaluate --data {data} --model {feature_set.model} --json" for feature_set in (everything, flow)),
        f"zcat {data} | awk -F, -v OFS=, '{{for (i = 10; i <= 22; i++) $i = 0}} 1' > zeros.csv",
        f"oversight evaluate --data zeros.csv --model {everything.model} --json",
        "```",
        "",
        f"`python -m docs.generate.models_page --data {data}` writes this page. These commands create the artifacts:",
        "",
        "<!-- not run: trains for minutes on a data set that is not in this repository -->",
        "```sh",
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
    models = [measure(shipped_path(feature_set.model), options.data) for feature_set in SETS.values()]
    before = Shipped(**json.loads(BEFORE.read_text(encoding="utf-8")))
    text = page(models, options.data.name, before)
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
