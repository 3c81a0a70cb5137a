"""The alert rules, declared once: what each looks for, over which time, and when it fires.

    ModelContract ──▶ alert_rules() ──▶ Rule ──▶ kibana/saved_objects/alert_items.py   bodies for Kibana's alerting API

A rule about verdicts uses the time of the verdict, so that it does not miss late ones. It skips documents that were
rescored, so that a new model does not cause a storm of old alerts. All rules run on the basic licence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contract import hints
from contract.artifact.contract import ModelContract
from contract.documents.fields import FAILED, PENDING, STATUS
from kibana.panels.conditions import All, Between, Exists, Is, Not, Where, query
from kibana.panels.declarations import ARRIVALS, PREDICTIONS, Source
from kibana.panels.model_view import ALERT, DESTINATION, FAMILY, SOURCE, View

RESCORED = Is("oversight.prediction.rescored", True)
UNKNOWN_FLAG = "oversight.prediction.unknown"
AT = "oversight.prediction.at"
CLOSEST = "oversight.prediction.closest"
BEHIND_MIN = 5
"""Minutes after which a document that is still pending shows that the watchers do not keep up."""
LEAST_SHARE = 0.1
OVER_USUAL = 4.0
"""Alert if the share of unknowns is this many times the model's share on harmless rows, and at least `LEAST_SHARE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A query that Kibana repeats, and the result at which it raises an alert."""

    id: str
    name: str
    what: str
    """One line: what it means when the rule fires, and what to do."""
    source: Source
    """Where it looks, and the date field of its time window."""
    where: tuple[Where, ...]
    """What it looks for: documents that match all of these."""
    ago_min: int = 0
    """Only documents whose date is at least this many minutes ago."""
    window_min: int
    """Length of the time window in minutes."""
    every_min: int = 1
    """Minutes between two runs."""
    average_of: str | None = None
    """Field whose average is measured; None counts documents."""
    above: float = 0
    """The rule fires if the measure is greater than this."""
    by: str | None = None
    """Field by whose values the measure is split; each value fires by itself."""
    names_events: bool = False
    """The alert describes the events that the rule found, not only their number."""
    lasting: bool = False
    """True: report when the condition begins and when it ends. False: report at each run that finds something new."""

    @property
    def query(self) -> dict[str, Any]:
        """What the rule looks for, as an Elasticsearch query."""
        parts = [query(each) for each in self.where]
        if self.ago_min:
            parts.append({"range": {self.source.time_field: {"lte": f"now-{self.ago_min}m"}}})
        return {"bool": {"filter": parts}}


def alert_rules(contract: ModelContract, *, rescored: bool = False) -> tuple[Rule, ...]:
    """The rules of one model.

    Args:
        contract: the model's contract.
        rescored: also fire on rescored documents.
    """
    fresh = () if rescored else (Not(RESCORED),)
    view = View(contract)
    rules = [
        *_alerts(view, fresh),
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
            ),  # a document that `oversight rescore` gave back still has its old verdict
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
    return tuple(rules)


def _alerts(view: View, fresh: Sequence[Where]) -> tuple[Rule, ...]:
    """The rules about alerts; none for a regression without bounds, which has no alerts."""
    if view.measure is not None and not view.measure.lines:
        return ()
    words, who = view.words, view.who
    return (
        *_severe(view, fresh),
        Rule(
            id=f"many-alerts-of-a-{who.one}",
            name=f"Many alerts of one {who.one}",
            what=f"one {who.one} has more than 20 alerts in five minutes: {words.many_alerts}",
            source=PREDICTIONS,
            where=(ALERT, *fresh),
            window_min=5,
            above=20,
            by=who.field,
            names_events=True,
            lasting=True,
        ),
    )


def _severe(view: View, fresh: Sequence[Where]) -> Iterator[Rule]:
    """The rules about severe alerts: by target for families marked so, by source address, else by user or machine, else
    one by one.

    Kibana groups by one field and leaves out documents without it, so each field has a rule of its own. A flood from
    one address is then one alert, which lasts until an hour has passed without another event.
    """
    words, who = view.words, view.who
    keys = [(SOURCE, "address")] if view.is_about_network else []
    keys.append((who.field, who.one))
    severe: tuple[Where, ...] = (ALERT, Between("event.severity", view.severe), *fresh)
    targets = tuple(sorted(view.contract.target_families)) if view.is_about_network else ()
    if targets:
        # a flood forges its sources: grouped by source it would be as many alerts as it has sources
        flood = All((Is(FAMILY, targets), Exists(DESTINATION)))
        yield Rule(
            id="severe-attack-of-a-target",
            name=f"{words.severe} on one target",
            what=f"{words.severe_one} on one target was found, or many; look at them in the dashboard Triage",
            source=PREDICTIONS,
            where=(*severe, flood),
            window_min=60,
            by=DESTINATION,
            names_events=True,
            lasting=True,
        )
        severe = (*severe, Not(flood))
    lacking: list[Where] = []
    for field, one in keys:
        yield Rule(
            id=f"severe-attack-of-a-{one}" if lacking else "severe-attack",
            name=f"{words.severe} of one {one}" if lacking else words.severe,
            what=f"{words.severe_one} of one {one} was found, or many; look at them in the dashboard Triage",
            source=PREDICTIONS,
            where=(*severe, *lacking, Exists(field)),
            window_min=60,
            by=field,
            names_events=True,
            lasting=True,
        )
        lacking.append(Not(Exists(field)))
    without = " or ".join(one for _, one in keys)
    yield Rule(
        id="severe-attack-of-nobody",
        name=f"{words.severe} without {without}",
        what=f"{words.severe_one} was found in an event that has no {without}; look at it in the dashboard Triage",
        source=PREDICTIONS,
        where=(*severe, *lacking),
        # Kibana skips events that it has already reported, so a long window finds late writes without repeating alerts.
        window_min=60,
        names_events=True,
    )


def _unknowns(view: View, fresh: Sequence[Where]) -> tuple[Rule, ...]:
    """The rule about the share of unknowns among harmless-looking events; none if the model has no novelty."""
    if not view.knows_unknown or not view.harmless:
        return ()
    share = _usual_share(view.contract.heldout)
    return (
        Rule(
            id="unknowns-rising",
            name="Unknowns rising",
            what=f"over {share:.0%} of the harmless-looking events of the last hour are unlike anything in training: "
            f"{view.words.something_new}, or the model is out of date",
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
    """The share that counts as too much, from the model's share on rows that training never saw."""
    usual = heldout.get("normal_flag_rate")
    if isinstance(usual, bool) or not isinstance(usual, int | float) or not 0 <= usual <= 1:
        return LEAST_SHARE
    return round(min(0.9, max(LEAST_SHARE, OVER_USUAL * usual)), 3)
