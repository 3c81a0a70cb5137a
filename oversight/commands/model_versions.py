"""`oversight model add | list | activate | rollback | shadow`: the versions in a model folder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.table import Table

from common.settings.shared import OversightSettings
from contract.shipped_models import model_path
from oversight.config.settings import load, option_of
from oversight.tables import console, table
from oversight.terminal import print_json, print_result

if TYPE_CHECKING:
    from enrich_service.versions.store import Change, ModelStore, Stored

model_option = option_of(OversightSettings, "model")
json_option = click.option("--json", "as_json", is_flag=True, help="Print as JSON.")


@click.command(short_help="Check an artifact and store it in the model folder.")
@click.argument("file", type=click.Path())
@model_option
@json_option
@click.pass_context
def add(ctx: click.Context, *, file: str, model: str | None, as_json: bool) -> None:
    """Check an artifact and store it in the model folder under its version; the active version stays the same.

    FILE is a path, or the name of a shipped model.

    \b
    Example:
      oversight model --model models/live add build/kdd99-mlp/model.onnx
    """
    store, as_json = _store_and_format(ctx, model, as_json)
    added = store.add(model_path(file))
    print_result(
        {"version": added.version, "id": added.contract.name, "sha256": added.sha256},
        f"version {added.version} of {added.contract.name} is in {store.folder}",
        as_json=as_json,
    )


@click.command("list", short_help="List the versions in the model folder.")
@model_option
@json_option
@click.pass_context
def list_(ctx: click.Context, *, model: str | None, as_json: bool) -> None:
    """List the versions in the model folder, newest first.

    \b
    Example:
      oversight model list --json | jq -r '.versions[] | select(.role == "active").version'
    """
    store, as_json = _store_and_format(ctx, model, as_json)
    pointer, versions = store.pointer(), store.versions()
    if as_json:
        page = {
            "folder": str(store.folder),
            "active": pointer.active,
            "shadow": pointer.shadow,
            "previous": list(pointer.previous),
            "versions": [
                {
                    "version": version.version,
                    "id": version.id,
                    "size_bytes": version.size_bytes,
                    "added": version.added,
                    "role": version.role,
                    "proof": version.proof,
                }
                for version in versions
            ],
        }
        print_json(page)
        return
    console(soft_wrap=True).print(_table(versions))


@click.command(short_help="Make a version active.")
@click.argument("version", metavar="VERSION|FILE")
@click.option(
    "--foreign", is_flag=True, help="Allow another model, or one that reads other fields than the active version."
)
@model_option
@json_option
@click.pass_context
def activate(ctx: click.Context, *, version: str, foreign: bool, model: str | None, as_json: bool) -> None:
    """Make a version active: one in the folder (its first digits are enough), or a file, which is added first.

    \b
    Example:
      oversight model activate 4324a78c35e4
      oversight model activate build/kdd99-mlp/model.onnx
    """
    store, as_json = _store_and_format(ctx, model, as_json)
    _print_change(store.activate(str(model_path(version)), foreign=foreign), as_json=as_json)


@click.command(short_help="Switch back to the previous version.")
@model_option
@json_option
@click.pass_context
def rollback(ctx: click.Context, *, model: str | None, as_json: bool) -> None:
    """Switch back to the previous version.

    \b
    Example:
      oversight model rollback
    """
    store, as_json = _store_and_format(ctx, model, as_json)
    _print_change(store.rollback(), as_json=as_json)


@click.command(short_help="Let a second version predict beside the active one.")
@click.argument("version", metavar="[VERSION|FILE]", required=False)
@click.option("--off", is_flag=True, help="Remove the shadow version.")
@model_option
@json_option
@click.pass_context
def shadow(ctx: click.Context, *, version: str | None, off: bool, model: str | None, as_json: bool) -> None:
    """Let a second version predict too; its results go to `oversight.shadow.*` only.

    \b
    Example:
      oversight model shadow build/kdd99-mlp/model.onnx
      oversight model shadow --off
    """
    if off == (version is not None):
        raise click.UsageError("name a VERSION or FILE as the shadow, or use --off")
    store, as_json = _store_and_format(ctx, model, as_json)
    _print_change(store.shadow(None if version is None else str(model_path(version))), as_json=as_json)


COMMANDS: tuple[click.Command, ...] = (add, list_, activate, rollback, shadow)


def _store_and_format(ctx: click.Context, model: str | None, as_json: bool) -> tuple[ModelStore, bool]:
    """Return the model folder, and whether to print JSON. Both options work before and after the subcommand."""
    from enrich_service.versions.store import ModelStore

    group_model, group_json = ctx.obj or (None, False)
    settings = load(OversightSettings, model=model or group_model)
    return ModelStore(settings.model, digests=settings.model_digests), as_json or group_json


def _print_change(change: Change, *, as_json: bool) -> None:
    before, now = change.before, change.now
    if now.active == before.active:
        text = f"version {now.active} stays active"
    else:
        text = f"version {now.active} is active" + (f" in place of {before.active}" if before.active else "")
    if now.shadow is not None:
        text += f", with {now.shadow} as its shadow"
    elif before.shadow is not None:
        text += f"; {before.shadow} is no longer its shadow"
    page = {
        "active": now.active,
        "shadow": now.shadow,
        "previous": list(now.previous),
        "was": {"active": before.active, "shadow": before.shadow},
    }
    print_result(page, text, as_json=as_json)


def _table(versions: Sequence[Stored]) -> Table:
    listed = table("Version", "Model", "Size", "Added", "Role", "Proof", uncut="Version")
    for version in versions:
        size, added = f"{version.size_bytes / 1024:.0f} KiB", f"{version.added:%Y-%m-%d %H:%M} UTC"
        listed.add_row(version.version, version.id or "damaged", size, added, version.role, version.proof or "")
    return listed
