"""`oversight adopt`: turns an ONNX model of another tool into an artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from oversight.commands.built import ARTIFACT_FILE, BUILD, version_of
from oversight.commands.trial import TrialOptions, trial_lines, trial_options
from oversight.terminal import print_json


@click.command()
@click.argument("model", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--contract", "contract_path", type=click.Path(path_type=Path), required=True, help="Contract (JSON) of the model."
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Artifact to write; default: build/MODEL/model.onnx, where MODEL is the contract's name.",
)
@trial_options
@click.option("--head", metavar="NAME", help="Which output to take, for a model that has several.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def command(
    *,
    model: Path,
    contract_path: Path,
    output: Path | None,
    head: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Turn an ONNX model of scikit-learn, XGBoost, LightGBM or PyTorch into an artifact, and try it.

    Inputs are found by the features' names, or taken as one matrix in the contract's order. In such a matrix a word is
    its place in the vocabulary, counted from 0; a word outside it is -1. Class names in the graph are put into the
    contract's order.

    \b
    Example:
      oversight adopt forest.onnx --contract contract.json --rows test.csv --label class
    """
    from converter.adopt.adopt import adopt
    from converter.contract_file import read_contract

    contract = read_contract(contract_path)
    output = output or BUILD / contract.name / ARTIFACT_FILE
    trial = TrialOptions(**given).trial(contract)
    before = version_of(output)
    made = adopt(model, contract, output, trial, head=head)
    if as_json:
        facts = {
            "model": str(model),
            "output": str(made.path),
            "version": made.version,
            "version_before": before,
            "size_bytes": made.size_bytes,
            "proof": made.contract.proof,
            "proved": dict(made.contract.proved),
        }
        print_json(facts)
        return
    click.echo(f"{model} -> {made.path}  version {made.version}, {made.size_bytes:,} bytes")
    for line in trial_lines(made, trial):
        click.echo(line)
    click.echo(f"serve it:   OVERSIGHT_MODEL={made.path} oversight serve")
