"""`oversight train`: trains a model and writes a checked artifact with its model card.

    data ─▶ columns ─▶ parts ─▶ Keras model ─▶ draft artifact ─▶ held-out figures
         ─▶ artifact that contains them, report, model card

Only here do training and converter meet.
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np

from contract.artifact.contract import ModelContract
from converter.rows import Rows
from oversight.commands.built import ARTIFACT_FILE, BUILD, CARD_FILE, CONTRACT_FILE, KERAS_FILE, REPORT_FILE
from oversight.commands.convert import labelled_files, next_steps
from oversight.commands.train_progress import TrainProgress
from oversight.keras_parts import tensorflow_in_quiet
from oversight.terminal import print_json
from training.data import records as data
from training.data.feature_sets import SETS, of_model
from training.data.split import Parts, check_labels, split
from training.evaluation.evaluate import by_label, evaluate, open_artifact, predict
from training.report import files as report


@click.command()
@click.option(
    "--data",
    "data_path",
    type=click.Path(path_type=Path),
    help="KDD Cup 99 file; default: download the 10 % training set.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**32 - 1),
    default=0,
    show_default=True,
    help="Seed of the data split and the initial weights.",
)
@click.option(
    "--features",
    "option",
    type=click.Choice(list(SETS)),
    default="all",
    show_default=True,
    help="`all` 41 columns, or `flow`: the 26 that a flow log has.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; default: build/kdd99-mlp, or build/kdd99-flow with --features flow.",
)
@click.option(
    "--keep-keras", type=click.Path(path_type=Path, dir_okay=False), help="Also write the Keras model to this file."
)
@click.option(
    "--check-data",
    "checked",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Labelled file on which ONNX and Keras must also agree; not used for training. May be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    *,
    data_path: Path | None,
    seed: int,
    option: str,
    output: Path | None,
    keep_keras: Path | None,
    checked: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Train a model on KDD Cup 99 and convert it: model.onnx, report.json, MODEL_CARD.md.

    Training takes about a minute on two cores. Rows with equal features stay in the same part of the split, so the
    reported figures come from rows that training never saw. Without --data, scikit-learn downloads the 10 % training
    set. The Keras model and its contract are kept beside the artifact, for `oversight convert`.

    \b
    Example:
      oversight train --data kddcup.data_10_percent.gz --seed 0
      oversight train --data kddcup.data_10_percent.gz --features flow --output models/kdd99-flow
    """
    if keep_keras is not None and keep_keras.suffix != ".keras":
        raise click.UsageError(f"--keep-keras {keep_keras}: the name must end in .keras")
    features = SETS[option]
    began = time.monotonic()
    with TrainProgress() as progress:
        progress.say("reading the data")
        columns = features.columns
        records, source = data.fetch(columns=columns) if data_path is None else data.read(data_path, columns)
        whole_files = labelled_files(checked, columns)
        parts = split(records, seed)
        check_labels(parts)
        progress.say(f"{records.n_rows:,} rows, {len(parts.training):,} distinct rows to train on; starting TensorFlow")
        model, contract = _train(parts, source, features.model, seed, progress)
        progress.say("converting and checking")
        result = _write(model, contract, parts, output or BUILD / features.model, whole_files)
        if keep_keras is not None:
            _save(model, keep_keras)
    _show({**result, "seconds": round(time.monotonic() - began, 1)}, as_json=as_json)


def _train(
    parts: Parts, source: data.Source, name: str, seed: int, progress: TrainProgress
) -> tuple[Any, ModelContract]:
    with tensorflow_in_quiet():
        from training.fit.train import Recipe, train
        from training.report.describe import contract_of
    recipe = Recipe(false_positive_rate=of_model(name).false_positive_rate)
    trained = train(parts, seed, recipe, progress.epoch)
    contract = contract_of(
        parts,
        source,
        trained.encoding,
        seed=seed,
        recipe=recipe,
        novelty_threshold=trained.novelty_threshold,
        name=name,
    )
    return trained.model, contract


def _write(
    model: Any, contract: ModelContract, parts: Parts, output: Path, checked: Mapping[str, Rows]
) -> dict[str, Any]:
    """Measure a draft of the artifact, then write the artifact with these figures, checked on whole files."""
    with tensorflow_in_quiet():
        from converter.contract_file import write
        from converter.convert import convert
    held_out = dataclasses.replace(parts.held_out, counts=parts.held_out.counts.clip(max=1))
    rows = Rows(held_out.numeric, held_out.categorical.astype(object))
    with tempfile.TemporaryDirectory(prefix="oversight-train-") as folder:
        draft = convert(model, contract, Path(folder) / ARTIFACT_FILE, rows)
        session, draft_contract = open_artifact(draft.path)
        predictions = predict(session, draft_contract, held_out)
        figures = evaluate(held_out, predictions, draft_contract)
        labels = by_label(held_out, predictions, draft_contract)
    summary = {key: value for key, value in figures.items() if key != "unseen"}
    everything = (parts.training, parts.validation, parts.held_out)
    whole_file = Rows(
        np.concatenate([part.numeric for part in everything]),
        np.concatenate([part.categorical for part in everything]).astype(object),
    )
    contract = dataclasses.replace(contract, heldout=summary)
    final = convert(model, contract, output / ARTIFACT_FILE, whole_file, also=checked, usual=whole_file)
    _, written = open_artifact(final.path)
    artifact = {
        "version": final.version,
        "size_bytes": final.size_bytes,
        "checked_against_keras": dataclasses.asdict(final.agreement),
        "also_checked": {name: dataclasses.asdict(found) for name, found in final.also.items()},
    }
    _save(model, output / KERAS_FILE)
    write(output / CONTRACT_FILE, written.to_json().encode())
    write(output / REPORT_FILE, report.report(written, summary, labels, artifact).encode())
    write(output / CARD_FILE, report.page(output, written).encode())
    return {"output": str(output), **artifact, "held_out": summary}


def _save(model: Any, path: Path) -> None:
    from converter.keras_file import save

    save(model, path)


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(result)
        return
    figures = result["held_out"]
    click.echo(
        f"{result['output']}/model.onnx  version {result['version']}, {result['size_bytes']:,} bytes, "
        f"{result['seconds']} s\n"
        f"held out: accuracy {figures['accuracy_23']:.4f}, macro-F1 {figures['macro_f1_23']:.3f} (23 labels, "
        f"{figures['rows']:,} distinct vectors); {figures['normal_alert_rate']:.2%} of normal rows alert"
    )
    output = Path(result["output"])
    click.echo(next_steps(output / ARTIFACT_FILE, output.name))
