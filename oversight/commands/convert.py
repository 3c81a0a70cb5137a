"""`oversight convert`: converts any tabular Keras model with its contract to one ONNX artifact.

model.keras ──┐
              ├─▶ graph ─▶ the same rows through both ─▶ model.onnx
contract.json ┘                 ▲
       generated from the contract, from --rows or from --check-data
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from contract.artifact.file import read_file
from contract.errors import InputError
from converter.rows import Rows
from oversight.commands.built import (
    ARTIFACT_FILE,
    BUILD,
    CARD_FILE,
    CONTRACT_FILE,
    KERAS_FILE,
    REPORT_FILE,
    newest_trained,
    version_of,
)
from oversight.commands.trial import TrialOptions, trial_lines, trial_options
from oversight.keras_parts import tensorflow_in_quiet
from oversight.terminal import print_json
from training.data import records as data
from training.data.feature_sets import option_of
from training.report import files as report

if TYPE_CHECKING:
    from converter.check import Agreement
    from converter.convert import Converted


@click.command()
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    help="Keras file (.keras, .h5) or SavedModel folder; default: the newest trained model in build/.",
)
@click.option(
    "--contract",
    "contract_path",
    type=click.Path(path_type=Path),
    help="Contract (JSON); default: contract.json beside the model.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Artifact to write; default: build/MODEL/model.onnx, where MODEL is the model's name.",
)
@trial_options
@click.option("--head", metavar="NAME", help="Which output to take, for a model that has several.")
@click.option(
    "--check-data",
    "checked",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Labelled KDD Cup 99 file on which ONNX and Keras must also agree. May be repeated. Without --rows, the first "
    "file also gives the usual reasons of each label.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=FEATURE,FEATURE",
    help="Features that an input of the model takes, in the order of its columns. Needed where names and types leave a "
    "choice. May be repeated.",
)
@click.option(
    "--codes-from",
    type=click.IntRange(0, 1),
    default=1,
    show_default=True,
    help="Code of the first word of a vocabulary in training. From 1, code 0 is for words that the vocabulary lacks; "
    "from 0, these get the code of the feature's background.",
)
@click.option(
    "--preprocess",
    "preprocess_path",
    type=click.Path(path_type=Path),
    help="ONNX file between the features and the model, such as a scikit-learn transformer exported by skl2onnx.",
)
@click.option(
    "--import",
    "modules",
    multiple=True,
    metavar="MODULE",
    help="Your Python module with the layers that the model uses. It is imported; code in the model file never is. May "
    "be repeated.",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print what was written, and how well ONNX and Keras agree, as JSON."
)
def command(
    *,
    model: Path | None,
    contract_path: Path | None,
    output: Path | None,
    head: str | None,
    checked: tuple[Path, ...],
    inputs: tuple[str, ...],
    codes_from: int,
    preprocess_path: Path | None,
    modules: tuple[str, ...],
    as_json: bool,
    **given: Any,
) -> None:
    """Convert a Keras model into one ONNX artifact, and check that both give the same predictions.

    Without options, the command converts the newest model of `oversight train` and writes the artifact beside it. It
    writes to models/ only if --output says so. Contract, report and model card of `oversight train` beside the artifact
    are updated.

    The contract (docs/bring-your-own-model.md) lists features, labels and families. Inputs of the model are matched by
    name: an input per feature; `numeric` and `categorical`; or one input with a column per feature in the contract's
    order. An input of text gets the words; elsewhere a word is encoded as its position in the vocabulary plus 1, and 0
    means that the vocabulary lacks the word. The model returns probabilities and, if the contract has a novelty
    threshold, a novelty from 0 to 1.

    \b
    Example:
      oversight convert
      oversight convert --model mine.keras --contract contract.json --output model.onnx --rows test.csv --label class
      oversight convert --model saved/ --contract contract.json --input numbers=depth_m,flow --input words=colour
    """
    with tensorflow_in_quiet():
        from converter.contract_file import read_contract
        from converter.convert import convert
        from converter.files.load import load
        from converter.inputs.preprocess import read_preprocess
        from converter.inputs.wiring import Choices
    if model is None:
        trained = newest_trained()
        model = trained.folder / KERAS_FILE
        if trained.note:
            click.echo(trained.note, err=True)
    contract = read_contract(contract_path or beside(model))
    output = output or BUILD / contract.name / ARTIFACT_FILE
    options = TrialOptions(**given)
    trial = options.trial(contract)
    rows = None if trial.labelled is None else trial.labelled.rows
    before = version_of(output)
    columns = tuple(feature.name for feature in contract.features)
    if checked and option_of(columns) is None:
        raise InputError(
            f"--check-data reads files of KDD Cup 99, but {contract.name} has other features; use --rows instead"
        )
    files = labelled_files(checked, columns)
    usual = next(iter(files.values()), None) if rows is None else rows
    written = convert(
        load(model, modules),
        contract,
        output,
        also=files,
        usual=usual,
        head=head,
        choices=Choices(inputs=_inputs(inputs), codes_from=codes_from),
        preprocess=None if preprocess_path is None else read_preprocess(preprocess_path),
        trial=trial,
    )
    _update_report(written)
    facts = {
        "model": str(model),
        "output": str(output),
        "version": written.version,
        "version_before": before,
        "size_bytes": written.size_bytes,
        "agreement": dataclasses.asdict(written.agreement),
        "proof": written.contract.proof,
        "proved": dict(written.contract.proved),
        "also": {name: dataclasses.asdict(agreement) for name, agreement in written.also.items()},
    }
    if as_json:
        print_json(facts)
        return
    click.echo(
        f"{model} -> {output}  version {written.version}{_beside_before(written.version, before)}, "
        f"{written.size_bytes:,} bytes"
    )
    click.echo(in_words(written.agreement, "generated rows" if rows is None else f"rows of {options.rows_path}"))
    for name, agreement in written.also.items():
        click.echo(in_words(agreement, f"distinct rows of {name}"))
    for line in trial_lines(written, trial):
        click.echo(line)
    click.echo(next_steps(output, contract.name, reads_kdd=option_of(columns) is not None))


def _update_report(written: Converted) -> None:
    """Update contract, report and model card of `oversight train`, if they are beside the artifact."""
    with tensorflow_in_quiet():
        from converter.contract_file import write
    folder = written.path.parent
    contract = read_file(written.path).contract
    try:
        content = json.loads((folder / REPORT_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    if not isinstance(content, dict) or content.get("model") != contract.name:
        return
    content["artifact"] = {**content.get("artifact", {}), "version": written.version, "size_bytes": written.size_bytes}
    write(folder / REPORT_FILE, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())
    write(folder / CONTRACT_FILE, contract.to_json().encode())
    write(folder / CARD_FILE, report.page(folder, contract).encode())


def _inputs(texts: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The features of each input, from `NAME=FEATURE,FEATURE`.

    Raises:
        InputError: a text has another form, or an input occurs twice.
    """
    inputs: dict[str, tuple[str, ...]] = {}
    for text in texts:
        name, equals, features = text.rpartition("=")
        names = tuple(part.strip() for part in features.split(","))
        if not equals or not name or not all(names):
            raise InputError(f"--input {text}: expected NAME=FEATURE,FEATURE, such as numbers=depth_m,flow")
        if name in inputs:
            raise InputError(f"--input {text}: the input {name!r} occurs twice; write all its features in one option")
        inputs[name] = names
    return inputs


def beside(model: Path) -> Path:
    """Return the contract beside a model.

    Raises:
        InputError: there is none.
    """
    path = model.parent / CONTRACT_FILE
    if not path.is_file():
        raise InputError(f"there is no {CONTRACT_FILE} beside {model}; name the contract's file with --contract")
    return path


def labelled_files(paths: tuple[Path, ...], columns: tuple[str, ...]) -> dict[str, Rows]:
    """Return the distinct rows of labelled KDD files, by file name.

    Raises:
        InputError: a file cannot be read.
    """
    rows = {}
    for path in paths:
        records, _ = data.read(path, columns)
        rows[path.name] = Rows(records.numeric, records.categorical.astype(object))
    return rows


def in_words(agreement: Agreement, of_what: str) -> str:
    """Describe in one line how much Keras and ONNX differ."""
    words = [] if agreement.labels_that_differ is None else ["all labels equal"]
    words += [
        f"{what} within {difference:.1g}{of_what_else}"
        for what, difference, of_what_else in (
            ("probabilities", agreement.largest_probability_difference, ""),
            ("novelty", agreement.largest_novelty_difference, ""),
            ("values", agreement.largest_number_difference, " of the largest"),
        )
        if difference is not None
    ]
    return f"ONNX and Keras agree on {agreement.rows:,} {of_what}: {', '.join(words)}"


def next_steps(artifact: Path, name: str, *, reads_kdd: bool = True) -> str:
    """Return the commands to measure, serve and ship a new artifact."""
    steps = [f"measure it: oversight evaluate --data FILE --model {artifact}"] if reads_kdd else []
    steps.append(f"serve it:   OVERSIGHT_MODEL={artifact} oversight serve")
    if artifact.parent == BUILD / name:
        steps.append(f"ship it:    mkdir -p models/{name} && cp {artifact.parent}/* models/{name}/")
    return "\n".join(steps)


def _beside_before(version: str, before: str | None) -> str:
    if before is None:
        return ""
    return " (unchanged)" if before == version else f" (before: {before})"
