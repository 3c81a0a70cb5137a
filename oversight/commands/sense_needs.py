"""Check that a source fills what the provisioned model reads, before the first record."""

from __future__ import annotations

from collections.abc import Collection

from contract import hints
from contract.errors import SettingsError
from contract.model_summary import ModelSummary

FLOW_MODEL = "kdd99-flow"
"""The shipped model that needs only what a log of flows has."""


def require_features(model: ModelSummary, lacks: Collection[str], *, source: str) -> None:
    """Stop if the model reads columns that no record of the source has.

    Raises:
        SettingsError: names the columns, the model that fits, and the commands.
    """
    if missing := [name for name in model.needed if name in lacks]:
        raise SettingsError(
            f"{source} cannot fill {len(missing)} features of the model {model.name}: {', '.join(missing)}. The model "
            f"{FLOW_MODEL} needs only flows. To switch: set OVERSIGHT_MODEL={FLOW_MODEL}, run "
            f"{hints.run('provision')}, then start {hints.run('serve')} and {hints.run('watch')} again"
        )
