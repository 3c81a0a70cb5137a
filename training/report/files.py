"""Write the files next to an artifact: `report.json` for scripts and `MODEL_CARD.md` for people, from the same figures.

A study (`training.evaluation.study`) adds to the card what one training cannot show: the spread over trainings, and
figures on a test file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract.artifact.contract import ModelContract
from contract.errors import InputError
from training.data.feature_sets import command_options, in_words
from training.report import card

TWINS = (
    "`snmpgetattack` has the same values as normal traffic in nearly all its rows: no model of these "
    "features can tell them apart."
)
CHOICES = (
    "By training data alone, by attacks and normal traffic of another time that are left out of training in "
    "turn (`python -m "
    "training.fit.select`, rule and figures in decision 0015): that novelty is the larger of an "
    "autoencoder's error and a detector's odds, "
    "and what the second opinion learns. By held-out vectors: how normal's probability falls with the "
    "novelty. By validation vectors: the "
    "temperature, when to stop, and the value of the threshold.",
    "By the same rule, but after two of its picks had been measured on the test file and the rule been "
    "changed: that the detector stops "
    "after 20 epochs, and the share of normal vectors above the threshold. The first pick, 10 epochs and 1.5 "
    "%, flagged .683 of the "
    "unseen labels there on average, below the must. A variant that gave the networks other random numbers "
    "had .692 and .717, so the "
    "spread over seeds on this page is too narrow. With `--features flow` the rule's share, 2 %, flagged 9 % "
    "of the normal rows there, "
    "and 1 % was kept.",
    "With sight of it, or of the whole test set of which it is half: that there are an autoencoder and a "
    "detector of mixed vectors at "
    "all, and the sizes of the networks. Earlier versions of this model had been measured on it. Expect a "
    "little less on other data.",
)
"""Which choices were made with knowledge of the test file, and so make its figures look better."""


def report(
    contract: ModelContract, held_out: dict[str, Any], labels: list[dict[str, Any]], artifact: dict[str, Any]
) -> str:
    """The text of report.json.

    Args:
        contract: of the artifact as written.
        held_out: `training.evaluation.evaluate.evaluate` on the held-out vectors, each counted once.
        labels: `training.evaluation.evaluate.by_label` on the same vectors.
        artifact: version, size and agreement with Keras.
    """
    content = {
        "model": contract.name,
        "artifact": artifact,
        "training": dict(contract.training),
        "libraries": dict(contract.libraries),
        "novelty_threshold": contract.novelty_threshold,
        "held_out": held_out,
        "labels": labels,
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def model_card(
    contract: ModelContract,
    held_out: Mapping[str, Any],
    labels: list[dict[str, Any]],
    artifact: Mapping[str, Any],
    study: card.Study | None = None,
) -> str:
    """The text of MODEL_CARD.md, from the arguments of `report` and, if there is one, a study of the same recipe."""
    sections = [
        [
            f"# Model card: {contract.name}",
            "",
            f"`model.onnx`, version `{artifact['version']}`, {artifact['size_bytes']:,} bytes. This page is "
            "made by `oversight train` "
            "from `report.json` and, where there is one, `study.json`, never by hand.",
        ],
        _what_it_is(contract),
        [] if study is None else card.goals(study),
        _training_data(contract.training),
        _held_out(contract.training, held_out, labels, brief=study is not None and study["held_out"] is not None),
        *([] if study is None else (card.held_out(study), card.on_test_file(study), card.naive(study))),
        _limits(contract, labels, [] if study is None else card.not_found(study)),
        _choices(),
        _again(contract, study),
    ]
    return "\n\n".join("\n".join(section) for section in sections if section) + "\n"


def page(folder: Path, contract: ModelContract) -> str:
    """The card of an artifact from the files next to it, without training anything.

    Raises:
        InputError: report.json or study.json exists but cannot be read.
    """
    path = folder / "report.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        parts = content["held_out"], content["labels"], content["artifact"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"cannot read {path} ({error!r}); create it with `oversight train`") from None
    return model_card(contract, *parts, card.study_of(folder, contract))


def _what_it_is(contract: ModelContract) -> list[str]:
    n_attacks = sum(label.severity > 0 for label in contract.labels)
    share = f"{100 * contract.training['recipe']['false_positive_rate']:g} %"
    return [
        "## What it is",
        "",
        f"A small neural network that reads one connection record of KDD Cup 99 ({len(contract.features)} "
        "features) and gives the "
        f"probability of each of {len(contract.labels)} labels (`normal` and {n_attacks} attacks) and a "
        "novelty from 0 to 1.",
        "",
        f"- Inputs: raw values, `numeric` float32 (rows, {len(contract.numeric)}) and `categorical` string "
        f"(rows, {len(contract.categorical)}). Look-ups, logarithm, scaling and temperature are inside the "
        "graph; a word that "
        "training never saw has a bucket of its own.",
        "- `probabilities`: two hidden layers (64, 32) and a softmax at a temperature that was found on "
        "validation vectors. Where "
        "normal has more than half, the rest is shared out among the attacks by a second opinion (32, 32), "
        "which gives an unknown "
        "its family. Above the threshold of the novelty normal loses probability to the attacks, down to "
        "0.45, and stays likelier than "
        "any one of them: the closest label is never changed by either.",
        "- `novelty`: an autoencoder (32, 16, 32) and a detector (64, 32) of mixed vectors, normal ones with "
        "some values of another "
        "vector. The larger of reconstruction error and odds, each as a multiple r of what is usual among "
        "normal vectors, gives "
        f"r / (r + s), where {share} of normal validation vectors exceed s: 0.5 is that {share}, 0.9 nine "
        "times as much. It does not "
        "look at the classifier. A known attack is rarely novel.",
    ]


def _training_data(training: Mapping[str, Any]) -> list[str]:
    return [
        "## Training data",
        "",
        f"`{training['data']}`, SHA-256 `{training['sha256']}`: {training['rows']:,} rows, "
        f"{training['distinct_vectors']:,} distinct "
        f"vectors ({training['contradictory_vectors']} of them stood under two labels; the label with more "
        "rows was kept). Source: "
        "the UCI KDD archive, CC BY 4.0.",
        "",
        f"Split by distinct vector and stratified by label: {training['training_vectors']:,} for training, "
        f"{training['validation_vectors']:,} for validation (when to stop, temperature, novelty), "
        f"{training['held_out_vectors']:,} "
        "held out. No vector is in two parts; a split by rows would have a twin in training for three "
        "held-out rows in four.",
        "",
        "Recipe: " + ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in training["recipe"].items()) + ".",
    ]


def _held_out(
    training: Mapping[str, Any], held_out: Mapping[str, Any], labels: list[dict[str, Any]], *, brief: bool
) -> list[str]:
    return [
        "## The artifact's own held-out results",
        "",
        f"On the {training['held_out_vectors']:,} held-out vectors, each counted once, measured on the ONNX artifact:",
        "",
        *_figures(held_out),
        *([] if brief else ["", *_label_table(labels)]),
    ]


def _choices() -> list[str]:
    return [
        "## What was chosen how",
        "",
        *(f"- {line}" for line in CHOICES),
    ]


def _again(contract: ModelContract, study: card.Study | None) -> list[str]:
    training, options = contract.training, command_options(contract)
    again = []
    if study is not None:
        counts = [sum(name.startswith(kind) for name in study["planned"]) for kind in ("seed-", "fold-")]
        anchor = " --anchor" if "anchor" in study["planned"] else ""
        again = [
            f"oversight evaluate --retrain --data {study['data_file']} --test {study['test_file']} --seeds "
            f"{counts[0]} --folds {counts[1]}"
            f"{options}{anchor}"
        ]
    return [
        "## How to make it again",
        "",
        "```",
        f"oversight train --data {training['data']} --seed {training['seed']}{options} --output models/{contract.name}",
        "oversight evaluate --data FILE",
        *again,
        "```",
        "",
        "The same data, seed, machine and library versions give the same file, byte for byte. Another "
        "processor or another version "
        "of TensorFlow gives other weights and, but for rare labels, the same figures.",
        "",
        "Made with " + ", ".join(f"{name} {version}" for name, version in sorted(contract.libraries.items())) + ".",
    ]


def _figures(held_out: Mapping[str, Any]) -> list[str]:
    rows = [
        ("accuracy, 23 labels", "accuracy_23"),
        ("macro-F1, 23 labels", "macro_f1_23"),
        ("accuracy, 5 families", "family_accuracy"),
        ("mean cost, KDD Cup 99 matrix", "kdd_cost"),
        ("normal vectors that raise an alert", "normal_alert_rate"),
        ("normal vectors that raise an alert or are unknown", "normal_flag_rate"),
        ("expected calibration error, 5 families", "ece_family"),
    ]
    table = ["| figure | value |", "|---|---|", *(f"| {name} | {_number(held_out[key])} |" for name, key in rows)]
    return [
        *table,
        *(f"| recall of {family} | {_number(value)} |" for family, value in held_out["family_recall"].items()),
    ]


def _label_table(labels: list[dict[str, Any]]) -> list[str]:
    head = ["| label | held-out vectors | precision | recall | F1 |", "|---|---|---|---|---|"]
    return [
        *head,
        *(
            f"| `{row['label']}` | {row['records']:,} | {_number(row['precision'])} | "
            f"{_number(row['recall'])} | {_number(row['f1'])} |"
            for row in labels
        ),
    ]


def _limits(contract: ModelContract, labels: list[dict[str, Any]], not_found: list[str]) -> list[str]:
    few = [row["label"] for row in labels if row["records"] < 10]
    return [
        "## What it cannot do",
        "",
        "- The data is a simulated military network of 1998. The model shows the way of a document; it is no "
        "protection of a network of "
        "today, whose services, attacks and statistics differ.",
        f"- Of {', '.join(f'`{label}`' for label in few)} fewer than ten vectors were held out, so their "
        "figures above say little.",
        "- On the labelled test set of the contest, which holds 17 attacks that training never saw and "
        "normal traffic that has "
        "drifted, it does markedly worse than on held-out vectors: `oversight evaluate --data` measures it.",
        *(f"- {line}" for line in not_found or [TWINS]),
        "- The probabilities are calibrated for data like the training data. Elsewhere they are too sure of "
        "themselves where nothing is "
        "novel, and a guess where something is.",
        f"- It needs all {len(contract.features)} features, 9 of them counted over the last two seconds and "
        "10 over the last hundred "
        "connections of the network; it reads no payload.",
        *(f"- {line}" for line in in_words(contract)),
    ]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
