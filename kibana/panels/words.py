"""What the texts of the panels call the events and the verdicts that alert, by the contract's task and event words.

network, classification ──▶ threats and attacks in the traffic
otherwise               ──▶ findings, anomalies or values out of bounds among the events
"""

from __future__ import annotations

from dataclasses import dataclass

from contract.artifact.contract import ModelContract

NETWORK, HOST = "network", "host"
"""Values of `event.category` in ECS."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Whom an event is about, which the panels break the alerts down by."""

    id: str
    field: str
    title: str
    one: str
    many: str
    example: str

    @property
    def titles(self) -> str:
        """The plural as the first word of a title."""
        return self.many.capitalize()


USERS = Who(id="user", field="user.id", title="User", one="user", many="users", example="alice")
MACHINES = Who(id="host", field="host.name", title="Machine", one="machine", many="machines", example="web-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one model."""

    one: str
    """A verdict that is not harmless."""
    many: str
    attacks: str
    """The verdicts of a label that alerts; `many` can include unknown ones too."""
    meaning: str = ""
    """Of a classification: what `one` is, to follow "is"."""
    events: str = "events"
    whose_hold: str = "Whose events hold"
    whose_alert: str = "Whose events alert"
    whose_is_it: str = "Whose events are they?"
    moves_away: str = "Do the events move away from the training rows?"
    are_harmless: str = "harmless events are"
    judged: str = "How many events were judged?"
    how_many: str
    how_much: str
    severe: str
    """Name of the alert rule about single alerts, and what one of them is."""
    severe_one: str
    many_alerts: str
    """What many alerts at once can mean."""
    something_new: str = "something new is in the events"

    @property
    def title(self) -> str:
        """`many` as the first word of a title."""
        return self.many[0].upper() + self.many[1:]


ATTACKS = Words(
    one="threat",
    many="threats",
    attacks="attacks",
    meaning="an attack",
    events="traffic",
    whose_hold="Whose traffic holds",
    whose_alert="Whose traffic alerts",
    whose_is_it="Whose traffic is it?",
    moves_away="Does the traffic move away from the training rows?",
    are_harmless="harmless traffic is",
    judged="How much traffic was judged?",
    how_many="How many events are attacks or unknown?",
    how_much="How much of the traffic is a threat?",
    severe="Attack of high severity",
    severe_one="an attack of high or critical severity",
    many_alerts="a scan, a flood, or a model that is wrong about them",
    something_new="something new is in the network",
)
FINDINGS = Words(
    one="finding",
    many="findings",
    attacks="findings",
    meaning="an event whose label has a severity above 0",
    how_many="How many events are not harmless?",
    how_much="What share of the events is not harmless?",
    severe="Finding of high severity",
    severe_one="a finding of the highest severities",
    many_alerts="something has changed, or the model is wrong about them",
)
ANOMALIES = Words(
    one="anomaly",
    many="anomalies",
    attacks="anomalies",
    how_many="How many scores are on the side of the threshold that alerts?",
    how_much="What share of the events is an anomaly?",
    severe="Anomaly",
    severe_one="an anomaly",
    many_alerts="something has changed, or the threshold no longer fits",
)
OUT_OF_BOUNDS = Words(
    one="value out of bounds",
    many="values out of bounds",
    attacks="values out of bounds",
    how_many="How many values are below the lower or above the upper bound?",
    how_much="What share of the values is out of bounds?",
    severe="Value out of bounds",
    severe_one="a value out of bounds",
    many_alerts="something has changed, or the bounds no longer fit",
)


def is_about_network(contract: ModelContract) -> bool:
    """Whether the documents are about connections in a network."""
    return NETWORK in contract.event.category


def words_of(contract: ModelContract) -> Words:
    """The words of a model."""
    if contract.task == "regression":
        return OUT_OF_BOUNDS
    if contract.task == "anomaly":
        return ANOMALIES
    return ATTACKS if is_about_network(contract) else FINDINGS


def who_of(contract: ModelContract) -> Who:
    """Whom the documents of a model are about: a machine if their category is `host`, otherwise a user."""
    return MACHINES if HOST in contract.event.category else USERS
