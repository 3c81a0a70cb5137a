"""Suppression rules: how a line is read, and which alerts it hides."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contract.documents.paths import leaves, nest
from contract.errors import SettingsError
from contract.wire import DocumentError
from watcher.enrich.responses import Result
from watcher.read.hit import Hit
from watcher.write.suppression import KEYS, SUPPRESS_FIELDS, Suppression, parse

ALERT = nest(
    {
        "event.kind": "alert",
        "oversight.prediction.label": "satan",
        "oversight.prediction.family": "probe",
        "rule.name": "satan",
    }
)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def hit(**source: Any) -> Hit:
    return Hit("index", "id", 1, 1, source)


def suppressed_by(text: str, source: dict[str, Any], *, at: datetime = NOON, tmp_path: Path) -> str | None:
    file = tmp_path / "rules"
    file.write_text(text, encoding="utf-8")
    (result,) = Suppression(file).apply([hit(**source)], [ALERT], now=at)
    assert isinstance(result, dict)
    fields, before = dict(leaves(result)), dict(leaves(ALERT))
    name = fields.get("oversight.suppressed_by")
    assert (fields["event.kind"] == "event") == (name is not None) == fields.get("oversight.suppressed", False)
    assert {key: value for key, value in fields.items() if not key.startswith(("event.kind", "oversight.supp"))} == {
        key: value for key, value in before.items() if key != "event.kind"
    }, "the whole prediction is written"
    return None if name is None else str(name)


@pytest.mark.parametrize(
    ("rule", "source", "fits"),
    [
        ("source.ip: 10.0.0.5", {"source": {"ip": "10.0.0.5"}}, True),
        ("source.ip: 10.0.0.5", {"source.ip": "10.0.0.5"}, True),
        ("source.ip: 10.0.0.5", {"source": {"ip": "10.0.0.50"}}, False),
        ("source.ip: 10.0.0.5", {"source": {"ip": "::ffff:10.0.0.5"}}, True),
        ("source.ip: 10.1.0.0/16, 10.9.9.9", {"source": {"ip": "10.1.200.3"}}, True),
        ("source.ip: 10.1.0.0/16, 10.9.9.9", {"source": {"ip": ["1.2.3.4", "10.9.9.9"]}}, True),
        ("source.ip: 10.1.0.0/16", {"source": {"ip": "no address"}}, False),
        ("source.ip: 2001:db8::/32", {"source": {"ip": "2001:db8::7"}}, True),
        ("source.ip: 10.0.0.5", {}, False),
        ("source.ip: 10.0.0.5", {"source.ip": "10.0.0.5", "source": {"ip": "10.0.0.6"}}, False),
        ("user.id: alice", {"user": {"id": "alice"}}, True),
        ("user.id: alice, bob", {"user": {"id": "bob"}}, True),
        ("user.id: alice", {"user": {"id": "Alice"}}, False),
        ("user.id: alice; source.ip: 10.0.0.5", {"user": {"id": "alice"}, "source": {"ip": "10.0.0.6"}}, False),
        ("user.id: alice; family: probe", {"user": {"id": "alice"}}, True),
        ("user.id: alice; family: dos", {"user": {"id": "alice"}}, False),
        ("user.id: alice; label: nmap, satan", {"user": {"id": "alice"}}, True),
        ("user.id: alice; until: 2026-06-01", {"user": {"id": "alice"}}, True),
        ("user.id: alice; until: 2026-05-31", {"user": {"id": "alice"}}, False),
    ],
)
def test_a_rule_matches_if_all_its_conditions_match(
    rule: str, source: dict[str, Any], fits: bool, tmp_path: Path
) -> None:
    assert suppressed_by(rule, source, tmp_path=tmp_path) == (rule if fits else None)


def test_the_first_matching_rule_gives_its_name(tmp_path: Path) -> None:
    text = "# scanners\n\nuser.id: bob\nuser.id: alice; name: load test  # ticket 12\nuser.id: alice\n"
    assert suppressed_by(text, {"user": {"id": "alice"}}, tmp_path=tmp_path) == "load test"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("source.adress: 10.0.0.5", "'source.adress' is not a condition; expected one of source.ip"),
        ("source.ip: 10.0.0.300", "'10.0.0.300' is not an address or network"),
        ("source.ip: 10.1.2.3/16", "has host bits set"),
        ("source.ip 10.0.0.5", "is not a condition"),
        ("source.ip:", "'source.ip' has no value"),
        ("family: probe", "would suppress everybody's alerts"),
        ("user.id: a; user.id: b", "'user.id' is there twice"),
        ("user.id: a; until: tomorrow", "`until: tomorrow` is not a date; expected one such as 2026-12-31"),
    ],
)
def test_an_invalid_line_is_named(line: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse(f"user.id: fine\n{line}\n", "rules")
    assert says in str(refused.value)
    assert str(refused.value).startswith("rules, line 2: ")
    assert "\n" not in str(refused.value)


def test_only_alerts_are_changed(tmp_path: Path) -> None:
    file = tmp_path / "rules"
    file.write_text("user.id: alice\n", encoding="utf-8")
    results: list[Result] = [{"event": {"kind": "event"}}, DocumentError("missing_feature", "it is missing", "x")]
    alice = hit(user={"id": "alice"})
    assert Suppression(file).apply([alice, alice], results) == results


def test_without_a_file_nothing_is_fetched_or_changed() -> None:
    none = Suppression(None)
    assert none.fields == ()
    assert none.apply([hit()], [ALERT]) == [ALERT]
    assert set(SUPPRESS_FIELDS) < set(KEYS)


def test_a_changed_file_counts_at_once_and_a_bad_one_never(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An error in the file must neither let all alerts of a scanner through nor stop the watcher."""
    file = tmp_path / "rules"
    file.write_text("user.id: alice\n", encoding="utf-8")
    rules = Suppression(file, look_s=0.0)
    people = [hit(user={"id": name}) for name in ("alice", "bob")]

    def quiet() -> list[bool]:
        results = rules.apply(people, [ALERT, ALERT])
        return [isinstance(result, dict) and result["event"]["kind"] == "event" for result in results]

    assert quiet() == [True, False]
    file.write_text("user.id: alice, bob\n", encoding="utf-8")
    assert quiet() == [True, True]
    with caplog.at_level(logging.ERROR, "watcher.write.suppression"):
        file.write_text("user.id: alice\nwhat is this\n", encoding="utf-8")
        assert quiet() == [True, True]
        assert quiet() == [True, True]
        file.unlink()
        assert quiet() == [True, True]
    assert [each.getMessage().split("; ")[-1] for each in caplog.records if each.levelno >= logging.ERROR] == [
        "the previous rules stay active (1)"
    ] * 2
    file.write_text("user.id: bob\n", encoding="utf-8")
    assert quiet() == [False, True]


def test_a_missing_file_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"OVERSIGHT_SUPPRESS=.*cannot be read"):
        Suppression(tmp_path / "nothing")
