"""Contracts of other models, to test what is generated from a contract alone."""

from __future__ import annotations

from hypothesis import strategies as st

from common.settings.shared import DEFAULT_MODEL
from contract.artifact.contract import Feature, Label, ModelContract, Tactic, Technique
from contract.kdd99.columns import UNKNOWN_LABEL
from enrich_service.model.model_file import read_contract

__all__ = ["CONTRACTS", "shipped_contract"]

TACTIC = Tactic("TA0043", "Reconnaissance", "https://attack.mitre.org/tactics/TA0043/")
TECHNIQUE = Technique("T1595", "Active Scanning", "https://attack.mitre.org/techniques/T1595/", TACTIC)
WORDS = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda word: word.strip() and word != UNKNOWN_LABEL
)
"""Labels of users: any characters, including quotes and brackets."""


def shipped_contract() -> ModelContract:
    """Return the contract of the shipped artifact."""
    return read_contract(DEFAULT_MODEL)


@st.composite
def _contracts(draw: st.DrawFn) -> ModelContract:
    families = draw(st.lists(WORDS, min_size=1, max_size=8, unique=True))
    names = draw(st.lists(WORDS, min_size=2, max_size=30, unique=True))
    labels = tuple(
        Label(
            name=name,
            family=draw(st.sampled_from(families)),
            severity=draw(st.sampled_from([0, 21, 47, 73, 99])),
            technique=draw(st.sampled_from([None, TECHNIQUE])),
        )
        for name in names
    )
    threshold = draw(st.none() | st.floats(0, 1))
    rows = draw(st.none() | st.fixed_dictionaries({name: st.integers(0, 10**6) for name in names}))
    contract = ModelContract(
        name=draw(st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True).filter(lambda name: ".." not in name)),
        features=(Feature("heat", "turbine.heat", "float"), Feature("mode", "turbine.mode", "string", ("on", "off"))),
        labels=labels,
        families=tuple(families),
        novelty_threshold=threshold,
        training={} if rows is None else {"label_rows": rows},
    )
    contract.check()
    return contract


CONTRACTS = _contracts()
"""With and without novelty, harmless labels, ATT&CK and training shares. Names can contain any character."""
