"""The alert rules, declared once: what each looks for, over which time, and when it fires.

    ModelContract ──▶ alert_rules() ──▶ Rule ──▶ kibana/saved_objects/alert_items.py   bodies for Kibana's alerting API

A rule about verdicts goes by the time of the verdict, so that a late one is not missed, and leaves out what a later
model judged anew: no storm of old alerts. All of them run on the basic licence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract import hints
from contract.artifact.contract import ModelContract
from contract.documents.fields import FAILED, PENDING, STATUS
from kibana.panels.conditions import Between, Exists, Is, Not, Where, query
from kibana.panels.declarations import ARRIVALS, PREDICTIONS, Source
from kibana.panels.model_view import ALERT, USER, View

RESCORED = Is("oversight.prediction.rescored", True)
UNKNOWN_FLAG = "oversight.prediction.unknown"
AT = "oversight.prediction.at"
CLOSEST = "oversight.prediction.closest"
BEHIND_MIN = 5
"""Minutes after which a document that is still pending says that no watcher keeps up."""
LEAST_SHARE = 0.1
OVER_USUAL = 4.0
"""Unknowns are rising where their share is that many times what the model has on harmless rows, and a tenth at least.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A question that is asked again and again, and the answer at which somebody must know."""

    id: str
    name: str
    what: str
    """What it means when it fires and what to do, in a line."""
    source: Source
    """Where it looks, and the date by which its window goes."""
    where: tuple[Where, ...]
    """What it looks for: all of these."""
    ago_min: int = 0
    """Only documents whose date is at least that many minutes ago."""
    window_min: int
    """Minutes that it looks back at each run."""
    every_min: int = 1
    """Minutes between two runs."""
    average_of: str | None = None
    """Field whose average is measured; None: documents are counted."""
    above: float = 0
    """It fires where the measure is greater."""
    by: str | None = None
    """Field by whose values the measure is taken apart; each value fires for itself."""
    lasting: bool = False
    """It speaks when the trouble begins and when it ends; else at each run that finds something new."""

    @property
    def query(self) -> dict[str, Any]:
        """What it looks for, in Elasticsearch's query language."""
        parts = [query(each) for each in self.where]
        if self.ago_min:
            parts.append({"range": {self.source.time_field: {"lte": f"now-{self.ago_min}m"}}})
        return {"bool": {"filter": parts}}


def alert_rules(contract: ModelContract, *, rescored: bool = False) -> tuple[Rule, ...]:
    """The rules of one model.

    Args:
        contract: of the model.
        rescored: also fire on documents that a later model judged anew.
    """
    fresh = () if rescored else (Not(RESCORED),)
    view = View(contract)
    found = [
        Rule(
            id="severe-attack",
            name="Attack of high severity",
            what="an attack of high or critical severity was found; look at it in the dashboard Triage",
            source=PREDICTIONS,
            where=(ALERT, Between("event.severity", 73), *fresh),
            # Kibana leaves out what it has told already, so a late write or a restart of Kibana costs nothing
            window_min=60,
        ),
        Rule(
            id="many-alerts-of-a-user",
            name="Many alerts of one user",
            what="one user has more than 20 alerts in five minutes: a scan, a flood, or a model that is wrong "
            "about them",
            source=PREDICTIONS,
            where=(ALERT, *fresh),
            window_min=5,
            above=20,
            by=USER,
            lasting=True,
        ),
        *_unknowns(view, fresh),
        Rule(
            id="watcher-behind",
            name="Watcher behind",
            what=(
                f"events wait for their verdict for more than {BEHIND_MIN} minutes: is {hints.run('watch')} running? "
                f"see {hints.run('status')}"
            ),
            source=ARRIVALS,
            where=(
                Is(STATUS, PENDING),
                Not(Exists(AT)),
            ),  # what `oversight rescore` gives back has its verdict of before
            ago_min=BEHIND_MIN,
            window_min=7 * 24 * 60,
            lasting=True,
        ),
        Rule(
            id="parse-failures-rising",
            name="Parse failures rising",
            what="more than 20 lines could not be parsed in 15 minutes: has a sensor changed its format? see "
            f"{hints.run('status')}",
            source=ARRIVALS,
            where=(Is(STATUS, FAILED), Is("event.kind", "pipeline_error")),
            window_min=15,
            every_min=5,
            above=20,
            lasting=True,
        ),
    ]
    return tuple(found)


def _unknowns(view: View, fresh: Sequence[Where]) -> tuple[Rule, ...]:
    """Of what is nearest to harmless, the share that is like nothing in training; nothing where no novelty is
    measured.
    """
    if not view.knows_unknown or not view.harmless:
        return ()
    share = _usual_share(view.contract.heldout)
    return (
        Rule(
            id="unknowns-rising",
            name="Unknowns rising",
            what=f"over {share:.0%} of the harmless-looking events of the last hour are unlike anything in "
            "training: something new "
            f"is in the network, or the model is out of date",
            source=PREDICTIONS,
            where=(Is(CLOSEST, view.harmless), *fresh),
            window_min=60,
            every_min=5,
            average_of=UNKNOWN_FLAG,
            above=share,
            lasting=True,
        ),
    )


def _usual_share(heldout: Mapping[str, Any]) -> float:
    """The share above which it is too much, from what the model had on rows that training never saw."""
    usual = heldout.get("normal_flag_rate")
    if isinstance(usual, bool) or not isinstance(usual, int | float) or not 0 <= usual <= 1:
        return LEAST_SHARE
    return round(min(0.9, max(LEAST_SHARE, OVER_USUAL * usual)), 3)
