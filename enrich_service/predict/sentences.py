"""A feature's value in words, beside what is usual.

    count 511, 95 % quantile 26 ──▶ "count is 511; 95 % of normal connections have at most 26"
    flag S0, share 0.0005       ──▶ "flag is S0; fewer than 1 % of normal connections have it, 94 % have SF"
    nothing known but a value   ──▶ "count is 511 (usually 2)"

Every number in a sentence is a fact of the contract, and true as the quantiles are defined: at least 95 % of the
harmless rows are at most the high one, at least half are at most and at least half are at least the middle one.
"""

from __future__ import annotations

from collections.abc import Callable

from contract.artifact.contract import Feature

MOST_LETTERS = 40
"""Of a word in a sentence: a reason stays one line on a dashboard."""
COMMON = 0.5
"""Share from which a word is worth naming as what the others have."""


def number_words(feature: Feature, usual_of: str) -> Callable[[float], str]:
    """How the values of a float feature are told; `usual_of` names the harmless rows in the plural."""
    low, middle, high = feature.usual_low, feature.usual_middle, feature.usual_high

    def usual(value: float) -> str:
        if low is not None and low == high:
            if value != low:
                return f"; at least 90 % of {usual_of} have {short(low)}"
            return f", as in at least 90 % of {usual_of}"
        if high is not None and value > high:
            return f"; 95 % of {usual_of} have at most {short(high)}"
        if low is not None and value < low:
            return f"; 95 % of {usual_of} have at least {short(low)}"
        if middle is None:
            return _otherwise(feature)
        if value != middle and middle in (feature.minimum, feature.maximum):
            return f"; most {usual_of} have {short(middle)}"
        return f"; half of {usual_of} have at {'least' if value < middle else 'most'} {short(middle)}"

    return lambda value: f"{feature.name} is {short(value)}{usual(value)}"


def word_words(feature: Feature, usual_of: str) -> Callable[[str], str]:
    """How the values of a string feature are told."""
    shares = dict(feature.usual_shares)
    commonest = max(shares, key=shares.__getitem__) if shares else None

    def usual(word: str) -> str:
        if commonest is None:
            return _otherwise(feature)
        share, most = shares.get(word, 0.0), shares[commonest]
        text = f"; {percent(share)} of {usual_of} have it" if share else f"; none of the {usual_of} have it"
        if word == commonest or most < COMMON:
            return text
        return f"{text}, {percent(most)} have {short(commonest)}"

    return lambda word: f"{feature.name} is {short(word)}{usual(word)}"


def short(value: float | str) -> str:
    """Whole numbers whole, others with three digits, long words cut."""
    if isinstance(value, str):
        return value if len(value) <= MOST_LETTERS else f"{value[: MOST_LETTERS - 1]}…"
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    return f"{value:.0f}" if value.is_integer() or abs(value) >= 1000 else f"{value:.3g}"


def percent(share: float) -> str:
    """`1 %`; never 0 or 100 of what is neither."""
    if share < 0.01:
        return "fewer than 1 %"
    return f"{min(round(share * 100), 99) if share < 1 else 100} %"


def _otherwise(feature: Feature) -> str:
    return "" if feature.background is None else f" (usually {short(feature.background)})"
