"""What is usual in an hour of traffic: the drift of each feature since training, and the site's own profile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.site_profile import SiteProfile
from contract.artifact.statistics import profile, quantiles, shortest
from contract.errors import InputError
from enrich_service.model.artifact import Artifact
from enrich_service.predict.drift import MIN_DOCUMENTS, RARE_SHARE, Bins
from enrich_service.predict.sentences import percent, short
from oversight.first_hour.hour import Hour

SHARE_DIGITS = 6
WORDS_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Moved:
    """How far one feature has moved."""

    feature: str
    psi: float
    training: str
    """The usual values of training, in words."""
    here: str


def drift(hour: Hour, contract: ModelContract) -> list[Moved]:
    """The drift of each feature since training, the largest first, measured as the enrich service does it.

    Empty with fewer than `MIN_DOCUMENTS` harmless connections.
    """
    if len(hour.sample.numeric) < MIN_DOCUMENTS:
        return []
    bins = Bins(contract)
    psi = bins.psi(bins.count(hour.sample.numeric, hour.sample.words)) if bins.sizes else {}
    here = {feature.name: feature for feature in usual_values(hour, contract)}
    found = [
        Moved(feature.name, round(psi[feature.field], 4), usual_in_words(feature), usual_in_words(here[feature.name]))
        for feature in contract.features
        if feature.field in psi
    ]
    return sorted(found, key=lambda moved: -moved.psi)


def site_profile(hour: Hour, artifact: Artifact) -> SiteProfile:
    """The profile of the site.

    Raises:
        InputError: there are too few harmless connections.
    """
    contract, rows = artifact.contract, hour.sample.seen
    if rows < MIN_DOCUMENTS:
        raise InputError(
            f"{rows} of the {hour.connections} connections are harmless to the model, and a profile needs "
            f"{MIN_DOCUMENTS}; record for longer, or at a busier time"
        )
    return SiteProfile(
        usual_of=f"{contract.usual_of} of this site",
        model=f"{contract.name} {artifact.version}",
        rows=rows,
        since=in_seconds(hour.since_s),
        until=in_seconds(hour.until_s),
        features=usual_values(hour, contract),
    )


def usual_values(hour: Hour, contract: ModelContract) -> tuple[Feature, ...]:
    """The model's features with the usual values of the sample."""
    numbers, words = iter(hour.sample.numeric.T), iter(hour.sample.words.T)
    return tuple(
        _of_words(feature, next(words).tolist()) if feature.kind == "string" else _of_numbers(feature, next(numbers))
        for feature in contract.features
    )


def _of_words(feature: Feature, values: Sequence[str]) -> Feature:
    counts = Counter(values)
    shares = [(word, round(n / len(values), SHARE_DIGITS)) for word, n in counts.items()]
    return Feature(
        feature.name,
        feature.field,
        "string",
        usual_shares=tuple(sorted(shares, key=lambda share: (-share[1], share[0]))),
    )


def _of_numbers(feature: Feature, values: NDArray[np.float32]) -> Feature:
    bare = Feature(feature.name, feature.field, "float")
    known = values[~np.isnan(values)]
    if not len(known):
        return bare
    each = np.ones(len(known), np.int64)
    edges, shares = profile(known, each, seen=known)
    low, middle, high = map(shortest, quantiles(known, each))
    return replace(
        bare,
        minimum=shortest(known.min()),
        maximum=shortest(known.max()),
        usual_low=low,
        usual_middle=middle,
        usual_high=high,
        profile_edges=tuple(map(shortest, edges)),
        profile_shares=shares,
    )


def usual_in_words(feature: Feature) -> str:
    """The usual values of a feature, short enough for a column of a table."""
    low, middle, high = feature.usual_low, feature.usual_middle, feature.usual_high
    if low is not None and middle is not None and high is not None:
        return f"{short(middle)}" if low == high else f"{short(middle)} ({short(low)} to {short(high)})"
    common = [(word, share) for word, share in feature.usual_shares[:WORDS_SHOWN] if share >= RARE_SHARE]
    return ", ".join(f"{short(word)} {percent(share)}" for word, share in common) or "-"


def in_seconds(time_s: float) -> str:
    """A time in UTC, to the second."""
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
