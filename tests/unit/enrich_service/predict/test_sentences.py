"""The text of a reason agrees with the contract's quantiles and shares."""

from __future__ import annotations

import pytest

from contract.artifact.contract import Feature
from enrich_service.predict.sentences import number_words, percent, short, word_words

ROWS = "normal connections"
COUNT = Feature(
    "count", "c", "float", minimum=0.0, maximum=511.0, background=4.0, usual_low=1.0, usual_middle=3.0, usual_high=26.0
)
LOGGED_IN = Feature(
    "logged_in", "l", "float", minimum=0.0, maximum=1.0, background=1.0, usual_low=0.0, usual_middle=1.0, usual_high=1.0
)
LAND = Feature(
    "land", "a", "float", minimum=0.0, maximum=1.0, background=0.0, usual_low=0.0, usual_middle=0.0, usual_high=0.0
)
BARE = Feature("depth", "d", "float", background=2.0)
SERVICE = Feature(
    "service",
    "s",
    "string",
    vocabulary=("http", "smtp", "telnet", "ecr_i"),
    background="http",
    usual_shares=(("http", 0.45), ("smtp", 0.3), ("telnet", 0.01)),
)
FLAG = Feature(
    "flag",
    "f",
    "string",
    vocabulary=("SF", "S0", "REJ"),
    background="SF",
    usual_shares=(("SF", 0.9428), ("REJ", 0.0549), ("S0", 0.0005)),
)


@pytest.mark.parametrize(
    ("feature", "value", "text"),
    [
        (COUNT, 511.0, "count is 511; 95 % of normal connections have at most 26"),
        (COUNT, 0.0, "count is 0; 95 % of normal connections have at least 1"),
        (COUNT, 26.0, "count is 26; half of normal connections have at most 3"),
        (COUNT, 2.0, "count is 2; half of normal connections have at least 3"),
        (COUNT, 3.0, "count is 3; half of normal connections have at most 3"),
        (LOGGED_IN, 0.0, "logged_in is 0; most normal connections have 1"),
        (LAND, 1.0, "land is 1; at least 90 % of normal connections have 0"),
        (LAND, 0.0, "land is 0, as in at least 90 % of normal connections"),
        (BARE, 9.0, "depth is 9 (usually 2)"),
        (Feature("depth", "d", "float"), 9.0, "depth is 9"),
        (Feature("depth", "d", "float", usual_high=4.0), 9.0, "depth is 9; 95 % of normal connections have at most 4"),
    ],
)
def test_a_number_is_described_relative_to_the_usual_values(feature: Feature, value: float, text: str) -> None:
    """Above, below or among the usual values; without them, beside the harmless value."""
    assert number_words(feature, ROWS)(value) == text


@pytest.mark.parametrize(
    ("feature", "value", "text"),
    [
        (SERVICE, "telnet", "service is telnet; 1 % of normal connections have it"),
        (SERVICE, "ecr_i", "service is ecr_i; none of the normal connections have it"),
        (SERVICE, "gopher", "service is gopher; none of the normal connections have it"),
        (FLAG, "S0", "flag is S0; fewer than 1 % of normal connections have it, 94 % have SF"),
        (FLAG, "REJ", "flag is REJ; 5 % of normal connections have it, 94 % have SF"),
        (FLAG, "SF", "flag is SF; 94 % of normal connections have it"),
        (Feature("mode", "m", "string", vocabulary=("a", "b"), background="a"), "b", "mode is b (usually a)"),
        (Feature("mode", "m", "string", vocabulary=("a", "b")), "b", "mode is b"),
    ],
)
def test_a_word_is_described_by_its_share_and_the_most_common_word(feature: Feature, value: str, text: str) -> None:
    """The most common word is named only if at least half of the rows have it."""
    assert word_words(feature, ROWS)(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (511.0, "511"),
        (0.07, "0.07"),
        (5.1e6, "5100000"),
        (3e38, "3e+38"),
        (1234.56, "1235"),
        (10.25, "10.2"),
        (-0.5, "-0.5"),
        ("x" * 41, "x" * 39 + "…"),
    ],
)
def test_values_are_written_short(value: float | str, text: str) -> None:
    """A reason stays one line on a dashboard."""
    assert short(value) == text


@pytest.mark.parametrize(
    ("share", "text"), [(0.0099, "fewer than 1 %"), (0.01, "1 %"), (0.9999, "99 %"), (1.0, "100 %")]
)
def test_a_share_is_never_rounded_to_0_or_100_percent(share: float, text: str) -> None:
    assert percent(share) == text
