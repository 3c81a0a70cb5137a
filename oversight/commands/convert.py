"""`oversight convert`: any tabular Keras model with its contract becomes one ONNX artifact."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click
import orjson

from oversight.keras_parts import tensorflow_in_quiet


@click.command()
@click.option("--model", type=click.Path(path_type=Path), required=True, help="Keras model, a .keras file.")
@click.option("--contract", "contract_path", type=click.Path(path_type=Path), required=True, help="Its contract, JSON.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Artifact to write.")
@click.option(
    "--rows", "rows_path", type=click.Path(path_type=Path), help="CSV with a header: real rows to check with."
)
@click.option("--json", "as_json", is_flag=True, help="What was written and how well it agrees, as JSON.")
def command(*, model: Path, contract_path: Path, output: Path, rows_path: Path | None, as_json: bool) -> None:
    """Turn a Keras model into one ONNX artifact, and check that both answer the same.

    The contract (docs/bring-your-own-model.md) lists features, labels and families. The model takes two inputs,
    `numeric` and `categorical`, or one input with a column for each feature in the contract's order; words come as
    codes: place in the vocabulary plus 1, 0 for a word that is not in it. It gives probabilities and, where the
    contract has a novelty threshold, a novelty from 0 to 1.

    \b
    Example:
      oversight convert --model mine.keras --contract contract.json --output models/mine/model.onnx --rows sample.csv
    """
    with tensorflow_in_quiet():
        from converter.convert import convert, read_contract
        from converter.keras_file import load
        from converter.rows import read_csv
    contract = read_contract(contract_path)
    rows = None if rows_path is None else read_csv(rows_path, contract)
    written = convert(load(model), contract, output, rows)
    agreement = written.agreement
    if as_json:
        facts = {"output": str(output), "version": written.version, "size_bytes": written.size_bytes}
        click.echo(orjson.dumps({**facts, "agreement": dataclasses.asdict(agreement)}, option=orjson.OPT_INDENT_2))
        return
    novelty = agreement.largest_novelty_difference
    click.echo(
        f"{output}  version {written.version}, {written.size_bytes:,} bytes\n"
        f"ONNX answers as Keras does on {agreement.rows:,} {'made' if rows is None else 'given'} rows: all labels equal, "
        f"probabilities within {agreement.largest_probability_difference:.1g}"
        + ("" if novelty is None else f", novelty within {novelty:.1g}")
    )
