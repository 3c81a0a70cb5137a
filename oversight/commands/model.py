"""`oversight model`: shows the artifact. Its subcommands work on a model folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from common.settings.shared import OversightSettings
from contract.artifact.contract import Feature, Label, ModelContract
from contract.artifact.proof import proof_in_words
from contract.artifact.site_profile import read_profile
from oversight import tables
from oversight.commands.model_versions import COMMANDS, json_option, model_option
from oversight.config.settings import load
from oversight.profile_in_words import facts_of, profile_in_words
from oversight.task_in_words import kind_in_words, task_in_words
from oversight.terminal import print_json


@click.group(invoke_without_command=True)
@model_option
@json_option
@click.pass_context
def command(ctx: click.Context, *, model: str | None, as_json: bool) -> None:
    """Show the model artifact: features, labels, figures measured on rows that training never saw.

    With a command: list and switch the versions in a model folder. A running `oversight serve` uses the new version
    after a few seconds.

    \b
    Example:
      oversight model
      oversight model --json | jq .contract.heldout
      oversight model --model models/live activate build/kdd99-mlp/model.onnx
      OVERSIGHT_MODEL=models/live oversight model rollback
    """
    ctx.obj = (model, as_json)
    if ctx.invoked_subcommand is None:
        shared = load(OversightSettings, model=model)
        show(shared.model, shared.profile, as_json=as_json)


for versions_command in COMMANDS:
    command.add_command(versions_command)


def show(path: Path, site: Path | None, *, as_json: bool) -> None:
    """Print the facts of an artifact, and with which profile it is served.

    Raises:
        ArtifactError: the artifact cannot be read, or the site's profile cannot be used with it.
    """
    from enrich_service.model.model_file import read

    file = read(path)
    profile = None if site is None else read_profile(site)
    if profile is not None:
        profile.over(file.contract)
    if as_json:
        page = {
            "path": str(file.path),
            "id": file.contract.name,
            "version": file.version,
            "sha256": file.sha256,
            "contract": file.contract.to_dict(),
            "proof": proof_in_words(file.contract),
            **({} if profile is None else {"profile": {"path": str(site), **facts_of(profile)}}),
        }
        print_json(page)
        return
    console = tables.console(soft_wrap=True)
    console.print(Text(file.contract.name, style="bold"), f"  version {file.version}  {file.path}", sep="")
    console.print(Text(f"task: {task_in_words(file.contract)}"), soft_wrap=False)
    console.print(Text(f"proof: {proof_in_words(file.contract)}"), soft_wrap=False)
    if profile is not None:
        console.print(Text(f"profile: {site}, {profile_in_words(profile)}"))  # a path stays in one piece
    for table in (features_table(file.contract), labels_table(file.contract), figures_table(file.contract)):
        console.print()
        console.print(table)


def features_table(contract: ModelContract) -> Table:
    """Return the inputs in the model's order."""
    table = _table("Feature", "Type", "Seen in training", "Usually")
    for feature in contract.features:
        usual = "-" if feature.background is None else _value(feature.background)
        known_as = "" if feature.name == feature.field.split(".")[-1] else f" ({feature.name})"
        table.add_row(f"{feature.field}{known_as}", kind_in_words(feature), _seen(feature), usual)
    return table


def labels_table(contract: ModelContract) -> Table:
    """Return the labels in the order of the probabilities."""
    table = _table("Label", "Family", "Severity", "MITRE ATT&CK")
    for label in contract.labels:
        table.add_row(label.name, label.family, str(label.severity), _attack(label))
    return table


def figures_table(contract: ModelContract) -> Table:
    """Return thresholds, held-out figures and origin of the weights: one row per number, with dotted names."""
    table = _table("Figure", "Value")
    threshold = contract.novelty_threshold
    table.add_row("novelty_threshold", "-" if threshold is None else _value(threshold))
    for part, values in (
        ("heldout", contract.heldout),
        ("training", contract.training),
        ("libraries", contract.libraries),
    ):
        for name, value in _flat(values, part):
            table.add_row(name, value)
    return table


def _flat(values: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    rows = []
    for name, value in values.items():
        path = f"{prefix}.{name}"
        if isinstance(value, Mapping):
            rows += _flat(value, path)
        else:
            rows.append((path, _value(value)))
    return rows


def _value(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _seen(feature: Feature) -> str:
    if feature.kind == "string":
        words = ", ".join(feature.vocabulary[:3])
        return words if len(feature.vocabulary) <= 3 else f"{words} … ({len(feature.vocabulary)} words)"
    low, high = (("-" if bound is None else _value(bound)) for bound in (feature.minimum, feature.maximum))
    return f"{low} to {high}"


def _attack(label: Label) -> str:
    technique = label.technique
    if technique is None:
        return "-"
    return f"{technique.sub_id or technique.id} {technique.sub_name or technique.name} ({technique.tactic.name})"


def _table(*columns: str) -> Table:
    """Return a table whose first column is never cut."""
    table = tables.table(*columns, uncut=columns[0])
    for column in table.columns:
        column.overflow = "fold"
    return table
