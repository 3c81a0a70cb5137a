"""Generates pages from the code, so that they cannot contradict it.

python -m docs.generate            write the pages
python -m docs.generate --check    exit 1 and name the pages that differ
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.training import card
from common.settings.base import Settings
from common.settings.shared import DEFAULT_MODEL
from contract.documents.fields import FIELDS
from contract.kdd99 import attacks
from contract.kdd99.columns import FAMILIES
from docs.generate.contract_schema import contract_schema
from docs.generate.panels_page import panels_page
from docs.generate.privileges_page import privileges_page
from oversight.config.settings import PARTS, default_of
from training.evaluation.evaluate import open_artifact

ROOT = Path(__file__).resolve().parents[2]
FAMILY_MEANING = {
    "probe": "searches for hosts and services",
    "dos": "denial of service",
    "u2r": "from a user account to root",
    "r2l": "from outside to a user account",
}
NOTE = "<!-- Generated from the code by `make format`; edit the code, not this page. -->"


def settings_page() -> str:
    """Return docs/settings.md: every variable with its default and meaning."""
    lines = ["# Settings", "", NOTE, ""]
    lines += [
        "Set a variable in the environment, or in a file `.env` in the folder where you start the command; the "
        "environment wins.",
        "`oversight settings` prints the current values.",
        "",
        "Oversight refuses a variable that begins with `OVERSIGHT_` and is not listed here. In a `.env` with "
        "Oversight's settings it",
        "also refuses unknown names that begin with `ELASTICSEARCH_`, `ELASTIC_` or `KIBANA_`; it knows those of",
        "`docker-compose.yml`. In the environment other software uses such names too; there, a name that is nearly a "
        "setting gets a",
        "warning.",
        "",
        "The file can name the server that gets your keys. So `.env` must belong to you or to root, and nobody else "
        "may have write",
        "permission, except your own private group (your name, no other member). Oversight never sends a secret from "
        "the environment",
        "to an address from the file, nor trusts a certificate authority from the file for it: set both in the "
        "environment, or",
        "both in the file. `${NAME}` in the file is not expanded.",
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


def _setting_row(part: type[Settings], name: str) -> str:
    default = default_of(part, name)
    shown = "-" if default is None else f"`{default}`"
    return f"| `{part.variable(name)}` | {shown} | {part.model_fields[name].description} |"


def fields_page() -> str:
    """Return docs/fields.md: every field of a stored document."""
    lines = [
        "# Document fields",
        "",
        NOTE,
        "",
        "The model's inputs (`kdd99.*` with the shipped model) come from the artifact. "
        "[predictions.md](predictions.md) says what the",
        "fields of a prediction mean to an analyst, [attacks.md](attacks.md) what the labels are.",
    ]
    lines += ["", "| field | type | meaning |", "|---|---|---|"]
    lines += [f"| `{field.name}` | {field.kind} | {field.meaning} |" for field in FIELDS]
    return "\n".join(lines) + "\n"


def attacks_page() -> str:
    """Return docs/attacks.md: what each attack of the shipped model is, by family."""
    lines = [
        "# The attacks that the shipped model knows",
        "",
        NOTE,
        "",
        "These are the 22 attacks in the training set of KDD Cup 99. The descriptions come from the people who "
        "generated "
        "the traffic:",
        f"[L] Lincoln Laboratory, [1998 Training Data Attack Schedule]({attacks.LINCOLN}), and [K] K. Kendall,",
        "[A Database of Computer Attacks for the Evaluation of Intrusion Detection "
        f"Systems]({attacks.KENDALL}), MIT 1999.",
        "",
        "We chose each ATT&CK technique (Enterprise, version 19) ourselves, from its page; the last column says "
        "why. If no "
        "page clearly",
        "describes an attack, it has no technique, and its alerts have no `threat.*` fields.",
        "",
        "The severity depends on the family and uses Elastic Security's levels: 21 low, 47 medium, 73 high, 99 "
        "critical. It "
        "says how bad",
        "a true alert is, not how likely it is. Most of these attacks date from 1998 and no longer harm a system "
        "that is up "
        "to date. The",
        "patterns of scans, floods and guessed passwords are still the same.",
    ]
    for family in FAMILIES[1:]:
        lines += ["", f"## {family}: {FAMILY_MEANING[family]}, severity {attacks.SEVERITY[family]}", ""]
        lines += ["| label | what it does | ATT&CK | why |", "|---|---|---|---|"]
        lines += [_attack_row(attack) for attack in attacks.ATTACKS if attack.family == family]
    return "\n".join(lines) + "\n"


def _attack_row(attack: attacks.Attack) -> str:
    source = "L" if attack.source == attacks.LINCOLN else "K"
    mapped = "none"
    if attack.technique_id is not None:
        technique = attacks.technique(attack.technique_id)
        name, page = technique.sub_name or technique.name, technique.sub_reference or technique.reference
        tactic = technique.tactic
        mapped = f"[{attack.technique_id}]({page}) {name}, tactic [{tactic.id}]({tactic.reference}) {tactic.name}"
    return f"| `{attack.label}` | {attack.does} [{source}] | {mapped} | {attack.why} |"


PAGES: dict[str, Callable[[], str]] = {
    "docs/settings.md": settings_page,
    "docs/fields.md": fields_page,
    "docs/attacks.md": attacks_page,
}


def card_page(model: Path) -> str:
    """Return MODEL_CARD.md of a shipped artifact, from its report.json and study.json."""
    return card.page(model.parent, open_artifact(model)[1])


def dashboards_page() -> str:
    """Return docs/panels.md for the default model."""
    return panels_page(open_artifact(DEFAULT_MODEL)[1], NOTE)


PAGES["docs/panels.md"] = dashboards_page
PAGES["docs/contract.schema.json"] = contract_schema
PAGES["docs/privileges.md"] = partial(privileges_page, NOTE)
PAGES |= {
    str(model.parent.relative_to(ROOT) / "MODEL_CARD.md"): partial(card_page, model)
    for model in sorted((ROOT / "models").glob("*/model.onnx"))
}


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
