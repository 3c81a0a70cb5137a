"""`oversight settings`: shows the current settings and where each comes from, with secrets masked."""

from __future__ import annotations

from typing import Any

import click
from pydantic import SecretStr

from common.settings.base import Settings
from oversight.config.settings import PARTS, load, origin
from oversight.tables import console, table
from oversight.terminal import print_json

MASK = "********"


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print as JSON: variable, value, where it comes from.")
def command(*, as_json: bool) -> None:
    """Show the current settings and where each comes from. Secrets are masked.

    \b
    Example:
      oversight settings
      OVERSIGHT_NAMESPACE=lab oversight settings --json
    """
    rows = [row for part in PARTS for row in rows_of(part)]
    if as_json:
        print_json(rows)
        return
    listed = table("Setting", "Value", "From", "Meaning")
    for row in rows:
        shown = "-" if row["value"] is None else str(row["value"])
        listed.add_row(row["setting"], shown, row["from"], row["meaning"])
    console(soft_wrap=True).print(listed)


def rows_of(part: type[Settings]) -> list[dict[str, Any]]:
    """Return one row per setting of a part: `setting`, `value`, `from`, `meaning`."""
    values = load(part)
    return [
        {
            "setting": part.variable(name),
            "value": shown(getattr(values, name)),
            "from": origin(part, name),
            "meaning": field.description,
        }
        for name, field in part.model_fields.items()
    ]


def shown(value: Any) -> Any:
    """Return a value that may be printed. Secrets are masked."""
    if isinstance(value, SecretStr):
        return MASK
    return value if value is None or isinstance(value, bool | int | float) else str(value)
