"""What to do after a site's first hour, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from contract import hints
from contract.artifact.contract import ModelContract
from contract.kdd99.columns import TRAINING_SHA256
from enrich_service.predict.drift import MIN_DOCUMENTS, NOT_AS_LEARNED
from oversight.first_hour.hour import Hour
from oversight.first_hour.usual import Moved
from training.data.feature_sets import command_options

MUCH_NOVEL = 0.05
"""From this share of novel connections on, the traffic is unlike training, where it is 0.01 to 0.03."""
FEWEST_ALERTS = 10
"""A machine with fewer alerts of one label needs no suppression rule."""
MOST_RULES = 3


@dataclass(frozen=True, slots=True)
class Loud:
    """A machine with many alerts of one label."""

    label: str
    source: str
    alerts: int

    @property
    def rule(self) -> str:
        """The suppression rule for it."""
        return f"source.ip: {self.source}; label: {self.label}"


def loudest(hour: Hour) -> list[Loud]:
    """The machines with the most alerts of one label, the loudest first."""
    found = [Loud(label, source, n) for (label, source), n in hour.sources.most_common(MOST_RULES)]
    return [each for each in found if each.alerts >= FEWEST_ALERTS]


def trained_on(contract: ModelContract) -> str:
    """What the model was trained on, for a sentence."""
    return "KDD Cup 99, traffic of 1998" if contract.training.get("sha256") == TRAINING_SHA256 else "its training data"


def advice(hour: Hour, moved: list[Moved], contract: ModelContract, profile: Path | None) -> Iterator[str]:
    """Yield one piece of advice at a time.

    Args:
        hour: the traffic.
        moved: the drift of its features.
        contract: the model's contract.
        profile: the file of the site's profile; None if none was written.
    """
    if hour.predicted < MIN_DOCUMENTS:
        yield f"{hour.predicted:,} connections are too few to compare with training. Report on a busier hour."
    elif _is_unlike(hour, moved):
        yield (
            f"Treat the verdicts with care: normal traffic here differs from that of {trained_on(contract)}. A verdict "
            "says where to look; it proves nothing."
        )
    else:
        yield "The traffic is much like training. Look at some alerts by hand before you rely on the others."
    loud = loudest(hour)
    if loud:
        yield "Look at these alerts first. If a machine may do that, put its line into the file of OVERSIGHT_SUPPRESS:"
        for each in loud:
            yield f"    {each.rule}   # {each.alerts:,} of {hour.alerts.total():,} alerts"
    yield (
        f"Train on your own labelled traffic: judge alerts with {hints.run('verdict')}, export them with "
        f"{hints.run('labels export --output own.csv')}, and run "
        f"`oversight train{command_options(contract)} --data FILE` on KDD's rows and these."
    )
    if profile is None:
        yield "Run this again with --profile FILE: reasons and drift can compare with your site instead of training."
    else:
        yield (
            f"Set OVERSIGHT_PROFILE={profile} and restart `oversight serve`: reasons and drift then compare with "
            "your site."
        )
    yield "One hour is not a week. Report again at another time of the day before you decide."


def _is_unlike(hour: Hour, moved: list[Moved]) -> bool:
    """Whether much is novel, a feature has drifted, or too few connections are harmless to tell."""
    return (
        hour.novel > MUCH_NOVEL * hour.predicted
        or hour.sample.seen < MIN_DOCUMENTS
        or any(each.psi > NOT_AS_LEARNED for each in moved)
    )
