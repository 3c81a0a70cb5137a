"""Describe a feature's value in words, and compare it with usual values.

    count 511, 95 % quantile 26 ──▶ "count is 511; 95 % of normal connections have at most 26"
    flag S0, share 0.0005       ──▶ "flag is S0; fewer than 1 % of normal connections have it, 94 % have SF"
    nothing known but a value   ──▶ "count is 511 (usually 2)"

Every number in a sentence comes from the contract or the site's profile, and every sentence is true by the definition
of its quantiles: at least 95 % of the harmless rows have at most the high one; at least half have at most the middle
one, and at least half have at least that.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from contract.artifact.contract import Feature

MOST_LETTERS = 40
"""Most letters of a word in a sentence, so that a reason fits into one line of a dashboard."""
COMMON = 0.5
"""Smallest share of a word that a sentence names as the usual one."""


def number_words(feature: Feature, usual_of: str) -> Callable[[float], str]:
    """Return a function that describes values of a float feature; `usual_of` is the plural name of harmless rows."""
    low, middle, high = feature.usual_low, feature.usual_middle, feature.usual_high
    shown = _truth if feature.reads == "boolean" else short

    def usual(value: float) -> str:
        if low is not None and low == high:
            if value != low:
                return f"; at least 90 % of {usual_of} have {shown(low)}"
            return f", as in at least 90 % of {usual_of}"
        if feature.reads == "boolean":
            return _usual_value(feature)
        if high is not None and value > high:
            return f"; 95 % of {usual_of} have at most {short(high)}"
        if low is not None and value < low:
            return f"; 95 % of {usual_of} have at least {short(low)}"
        if middle is None:
            return _usual_value(feature)
        if value != middle and middle in (feature.minimum, feature.maximum):
            return f"; most {usual_of} have {short(middle)}"
        return f"; half of {usual_of} have at {'least' if value < middle else 'most'} {short(middle)}"

    return lambda value: (
        f"{feature.name} is missing{_usual_value(feature)}"
        if math.isnan(value)
        else f"{feature.name} is {shown(value)}{usual(value)}"
    )


def word_words(feature: Feature, usual_of: str) -> Callable[[str], str]:
    """Return a function that describes values of a string feature."""
    shares = dict(feature.usual_shares)
    commonest = max(shares, key=shares.__getitem__) if shares else None

    def usual(word: str) -> str:
        if commonest is None:
            return _usual_value(feature)
        share, most = shares.get(word, 0.0), shares[commonest]
        text = f"; {percent(share)} of {usual_of} have it" if share else f"; none of the {usual_of} have it"
        if word == commonest or most < COMMON:
            return text
        return f"{text}, {percent(most)} have {short(commonest)}"

    return lambda word: f"{feature.name} is {short(word)}{usual(word)}"


def short(value: float | str) -> str:
    """A value in short: whole numbers without decimals, others with three digits, long words cut."""
    if isinstance(value, str):
        return value if len(value) <= MOST_LETTERS else f"{value[: MOST_LETTERS - 1]}…"
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    return f"{value:.0f}" if value.is_integer() or abs(value) >= 1000 else f"{value:.3g}"


def _truth(value: float | str) -> str:
    return "true" if value else "false"


def percent(share: float) -> str:
    """A share as `1 %`; never as 0 or 100 % if it is not exactly that."""
    if share < 0.01:
        return "fewer than 1 %"
    return f"{min(round(share * 100), 99) if share < 1 else 100} %"


def _usual_value(feature: Feature) -> str:
    if feature.background is None:
        return ""
    shown = _truth if feature.reads == "boolean" else short
    return f" (usually {shown(feature.background)})"
