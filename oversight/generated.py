"""Pages that are made from code, so that they cannot disagree with it.

python -m oversight.generated            write them
python -m oversight.generated --check    exit 1 and name those that differ
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from contract.fields import FIELDS
from contract.kdd99 import LABELS
from oversight.settings import DEFAULT_MODEL, PARTS, Part, variable

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Made by `make format` from the code; edit the code, not this page. -->"


def settings_page() -> str:
    """docs/settings.md: every variable with its default and meaning."""
    lines = ["# Settings", "", NOTE, ""]
    lines += [
        "From the environment, or from a file `.env` in the folder where the command is started; the environment wins.",
        "A variable that begins with `OVERSIGHT_` and is not listed here is refused, so a misspelt name is never ignored.",
        "`oversight settings` prints what holds.",
    ]
    for part in PARTS:
        lines += [
            "",
            f"## {(part.__doc__ or '').splitlines()[0].rstrip('.')}",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
        ]
        lines += [_setting_row(part, name) for name in part.model_fields]
    return "\n".join(lines) + "\n"


def _setting_row(part: type[Part], name: str) -> str:
    field = part.model_fields[name]
    meaning = " ".join((field.description or "").split())
    return f"| `{variable(part, name)}` | {_default(field.default)} | {meaning} |"


def _default(value: Any) -> str:
    if value is None or isinstance(value, SecretStr):
        return "-"
    if value == DEFAULT_MODEL:
        return f"`{DEFAULT_MODEL.relative_to(ROOT)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def fields_page() -> str:
    """docs/fields.md: every field of a stored document, and the labels of the shipped model's data set."""
    lines = [
        "# Document fields",
        "",
        NOTE,
        "",
        "The model's inputs (`kdd99.*` with the shipped model) come from the artifact.",
    ]
    lines += ["", "| field | type | meaning |", "|---|---|---|"]
    lines += [f"| `{field.name}` | {field.kind} | {field.meaning} |" for field in FIELDS]
    lines += ["", "## Labels of KDD Cup 99", "", "| label | family | severity | MITRE ATT&CK |", "|---|---|---|---|"]
    for label in LABELS:
        technique = label.technique
        attack = (
            "-" if technique is None else f"{technique.sub_id or technique.id} {technique.sub_name or technique.name}"
        )
        lines.append(f"| `{label.name}` | {label.family} | {label.severity} | {attack} |")
    return "\n".join(lines) + "\n"


PAGES: dict[str, Callable[[], str]] = {"docs/settings.md": settings_page, "docs/fields.md": fields_page}


def main() -> None:
    """Write the pages, or compare them."""
    stale = []
    for name, make in PAGES.items():
        page, text = ROOT / name, make()
        if page.is_file() and page.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv:
            page.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv:
        sys.exit(f"{', '.join(stale)} differ from the code; run `make format`")
    sys.stdout.write(f"{', '.join(stale) or 'no page'} {'written' if stale else 'had to change'}\n")


if __name__ == "__main__":
    main()
