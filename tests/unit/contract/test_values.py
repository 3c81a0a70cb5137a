"""What counts as a value of a feature, from any source."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from contract.artifact.contract import Feature
from contract.errors import DocumentError
from contract.values import feature_value

NUMBER = Feature("n", "a.n", "float")
FLAG = replace(NUMBER, reads="boolean")
HOUR, WEEKDAY = replace(NUMBER, reads="hour"), replace(NUMBER, reads="weekday")
SECONDS = replace(NUMBER, reads="seconds", origin="2026-01-01T00:00:00+01:00")
WORD = Feature("w", "a.w", "string", ("red", "7"))
PORT = replace(WORD, vocabulary=("22", "443"))


@pytest.mark.parametrize(
    ("feature", "value", "expected"),
    [
        (NUMBER, " 1.5e3 ", 1500.0),
        (NUMBER, [2], 2.0),
        (NUMBER, -0.5, -0.5),
        (FLAG, True, 1.0),
        (FLAG, "False", 0.0),
        (FLAG, "1", 1.0),
        (FLAG, 0, 0.0),
        (FLAG, 1.0, 1.0),
        (HOUR, "2026-03-04T05:59:07Z", 5.0),
        (HOUR, "2026-03-04T05:59:07+02:00", 3.0),
        (HOUR, 1_772_600_347_000, 4.0),
        (HOUR, "1772600347000", 4.0),
        (HOUR, 1_772_600_347_000.0, 4.0),
        (HOUR, "2026-03-04", 0.0),
        (HOUR, " 2026-03-04 05:59 ", 5.0),
        (HOUR, "2026-03-04 05:59:07.123456789+0100", 4.0),
        (HOUR, "2024-02-29T23:00-14", 13.0),
        (HOUR, datetime(2026, 3, 4, 7, tzinfo=UTC), 7.0),
        (HOUR, "2026-03-04T05:59:07,5", 5.0),
        (WEEKDAY, "2026-03-02T23:59:59.999Z", 0.0),
        (WEEKDAY, ["2026-03-08"], 6.0),
        (SECONDS, "2026-01-01T00:00:00.5Z", 3600.5),
        (WORD, " red ", "red"),
        (PORT, 443, "443"),
        (PORT, 443.0, "443"),
        (PORT, "443", "443"),
    ],
)
def test_a_value_is_read(feature: Feature, value: Any, expected: float | str) -> None:
    assert feature_value(feature, value, model_id="m") == expected


@pytest.mark.parametrize(
    ("feature", "value", "code"),
    [
        (NUMBER, "1_000", "not_a_number"),
        (NUMBER, True, "not_a_number"),
        (NUMBER, "inf", "not_a_number"),
        (NUMBER, 1e39, "not_finite"),
        (NUMBER, 10**400, "not_finite"),
        (NUMBER, [1, 2], "not_a_number"),
        (FLAG, "yes", "not_a_boolean"),
        (FLAG, 2, "not_a_boolean"),
        (FLAG, 0.5, "not_a_boolean"),
        (FLAG, [True, False], "not_a_boolean"),
        (HOUR, "yesterday", "not_a_date"),
        (HOUR, True, "not_a_date"),
        (HOUR, 1e300, "not_a_date"),
        (HOUR, {"a": 1}, "not_a_date"),
        (HOUR, "2026-13-01", "not_a_date"),
        (HOUR, "2026-02-29", "not_a_date"),
        (HOUR, "2026-03-04T24:00", "not_a_date"),
        (HOUR, "2026-03-04T05:06:60", "not_a_date"),
        (HOUR, "2026-03-04T05:06+15:00", "not_a_date"),
        (HOUR, "20260304", "not_a_date"),
        (HOUR, "2026-W10-3", "not_a_date"),
        (HOUR, "0999-12-31", "not_a_date"),
        (HOUR, "9999-01-01", "not_a_date"),
        (HOUR, 253_370_764_800_000, "not_a_date"),
        (HOUR, 0.5, "not_a_date"),
        (HOUR, "x" * 1000, "not_a_date"),
        (WORD, 7, "not_a_word"),
        (WORD, "x" * 1025, "not_a_word"),
        (PORT, 1.5, "not_a_word"),
        (PORT, True, "not_a_word"),
        (WORD, "\ud800", "not_a_word"),
        (PORT, math.inf, "not_a_word"),
        (PORT, 2.0**54, "not_a_word"),
    ],
)
def test_an_invalid_value_has_an_error_code(feature: Feature, value: Any, code: str) -> None:
    with pytest.raises(DocumentError) as refused:
        feature_value(feature, value, model_id="m")
    assert refused.value.code == code


@pytest.mark.parametrize("value", [None, "", " \t", [], [None], math.nan])
def test_a_missing_value_follows_the_contract(value: Any) -> None:
    with pytest.raises(DocumentError, match=r"field 'a\.n' is (missing and model 'm' needs it|nan, expected a number)"):
        feature_value(NUMBER, value, model_id="m")
    assert feature_value(replace(HOUR, missing="value", missing_value=3.0), value, model_id="m") == 3.0
    assert feature_value(replace(WORD, missing="value", missing_value="?"), value, model_id="m") == "?"
    assert math.isnan(feature_value(replace(NUMBER, missing="value"), value, model_id="m"))  # type: ignore[arg-type]
    flag = replace(NUMBER, missing="flag", missing_value=0.0)
    assert math.isnan(feature_value(flag, value, model_id="m"))  # type: ignore[arg-type]
