"""`oversight adopt`: turns an ONNX model of another tool into an artifact."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import orjson

from converter.rows import read_csv
from oversight.commands.built import ARTIFACT_FILE, BUILD, version_of


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
@click.option(
    "--rows",
    "rows_path",
    type=click.Path(path_type=Path),
    help="CSV file with a header: real rows to try the graph with.",
)
@click.option("--head", metavar="NAME", help="Which output to take, for a model that has several.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as JSON.")
def command(
    *, model: Path, contract_path: Path, output: Path | None, rows_path: Path | None, head: str | None, as_json: bool
) -> None:
    """Turn an ONNX model of scikit-learn, XGBoost, LightGBM or PyTorch into an artifact, and try it.

    Inputs are found by the features' names, or taken as one matrix in the contract's order. In such a matrix a word is
    its place in the vocabulary, counted from 0; a word outside it is -1. Class names in the graph are put into the
    contract's order.

    \b
    Example:
      oversight adopt forest.onnx --contract contract.json --output models/forest/model.onnx --rows sample.csv
    """
    from converter.adopt import adopt
    from converter.contract_file import read_contract

    contract = read_contract(contract_path)
    output = output or BUILD / contract.name / ARTIFACT_FILE
    rows = None if rows_path is None else read_csv(rows_path, contract)
    before = version_of(output)
    made = adopt(model, contract, output, rows, head=head)
    if as_json:
        facts = dataclasses.asdict(made) | {"path": str(made.path), "model": str(model), "version_before": before}
        click.echo(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
        return
    of_what = "generated rows" if rows is None else f"rows of {rows_path}"
    click.echo(f"{model} -> {made.path}  version {made.version}, {made.size_bytes:,} bytes")
    click.echo(f"the graph answers {made.rows:,} {of_what} as the contract says; nothing was compared with the truth")
    click.echo(f"serve it:   OVERSIGHT_MODEL={made.path} oversight serve")
