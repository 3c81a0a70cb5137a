"""One incident, and one page of incidents, as `oversight incidents --json` and the console show them."""

from __future__ import annotations

from dataclasses import dataclass

from contract.artifact.contract import GroupedBy


@dataclass(frozen=True, slots=True)
class Counted:
    """A value and the number of alerts that have it."""

    value: str
    events: int


@dataclass(frozen=True, slots=True)
class Technique:
    """A technique or sub-technique of MITRE ATT&CK."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class OtherSide:
    """Whom the machine attacked, or who attacked the target."""

    addresses: tuple[Counted, ...]
    """The most frequent ones."""
    n_addresses: int
    """How many there are; approximate above a thousand."""


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How many alerts of an incident analysts judged."""

    true_positive: int
    false_positive: int
    open: int
    """Without a verdict."""


@dataclass(frozen=True, slots=True)
class Incident:
    """The alerts of one machine and one family, without a larger gap between two of them."""

    id: str
    dataset: str
    key_field: str
    """The field that names the machine or target; empty: the alerts name no machine."""
    key: str
    family: str
    """For other tasks than the classification of network events: the label."""
    by: GroupedBy
    first_ms: int
    last_ms: int
    events: int
    risk: float
    """Highest risk score, 0 to 100."""
    severity: int
    """Highest severity."""
    labels: tuple[Counted, ...]
    other_side: OtherSide
    techniques: tuple[Technique, ...]
    verdicts: Verdicts


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """The incidents of some machines, worst first."""

    incidents: tuple[Incident, ...]
    after: int | None
    """For the next page; None: this is the last one."""
    machines: int
    """How many machines and targets this page covers."""
    note: str | None = None
    """What the page leaves out."""
