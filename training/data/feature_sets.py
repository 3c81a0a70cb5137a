"""The columns that each shipped model reads: all of KDD's, or those that a flow log can fill."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contract.artifact.contract import ModelContract
from contract.documents.datasets import CONNECTION
from contract.kdd99.columns import COLUMNS, CONTENT, FLOW, PACKET


@dataclass(frozen=True)
class FeatureSet:
    """One choice of `oversight train --features`."""

    option: str
    model: str
    """Name of the model that reads these columns, and of its folder."""
    dataset: str
    """Dataset of its documents: one stream has one model."""
    columns: tuple[str, ...]
    false_positive_rate: float
    """Share of normal validation vectors above the novelty threshold: decides how many events become `unknown`."""


SETS: dict[str, FeatureSet] = {
    each.option: each
    for each in (
        FeatureSet("all", "kdd99-mlp", CONNECTION, COLUMNS, 0.025),
        FeatureSet("flow", "kdd99-flow", "flow", FLOW, 0.01),
    )
}


def of_model(name: str) -> FeatureSet:
    """The feature set for the model with this name."""
    return next(each for each in SETS.values() if each.model == name)


def option_of(columns: Iterable[str]) -> str | None:
    """The option whose columns these are, in any order; None if there is none."""
    wanted = set(columns)
    return next((each.option for each in SETS.values() if set(each.columns) == wanted), None)


def in_words(contract: ModelContract) -> list[str]:
    """What the choice of columns means for a user of the model, as items of the model card's list of limits."""
    option = option_of(feature.name for feature in contract.features)
    content = f"the {len(CONTENT)} content columns (`{CONTENT[0]}` to `{CONTENT[-1]}`, 10 to 22 of a KDD file)"
    if option == "flow":
        packet = " and ".join(f"`{column}`" for column in PACKET)
        return [
            f"It does not read {content}, because few sensors can fill them. So it cannot see what happens inside a "
            "connection: failed logins, a root shell, created files. If you have these columns, use "
            f"`{SETS['all'].model}`, which finds more.",
            f"It does not read {packet} (8 and 9) either, because no flow log has them. `teardrop` and `pod` are "
            "attacks by wrong fragments: it recognises KDD's by their protocol, service, sizes and counts, and may "
            "miss those of another tool.",
        ]
    if option == "all":
        return [
            f"A document that lacks one of them fails. If a sensor cannot fill {content}, use `{SETS['flow'].model}`. "
            "Do not fill them with zeros: normal traffic then looks like nothing that the model knows."
        ]
    return []


def command_options(contract: ModelContract) -> str:
    """The option that `oversight train` needs to make this model, with a space in front; empty for the default."""
    option = option_of(feature.name for feature in contract.features)
    return "" if option in (None, "all") else f" --features {option}"
