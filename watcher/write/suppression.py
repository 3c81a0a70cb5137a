"""Suppression rules: expected attacks keep their prediction, and do not alert.

    file ──▶ parse() ──▶ rules ──┐
      ▲ read again after changes ├──▶ apply() ──▶ event.kind stays `event`, oversight.suppressed_by names the rule
    documents, predictions ──────┘

Each line of the file is a rule. A document must match all of its conditions, and one value of each condition:

    source.ip: 10.1.0.0/16, 10.2.0.7; family: probe; until: 2026-12-31   # the vulnerability scanner
    user.id: alice; name: load test
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from common.access.client_addresses import parse_address
from common.changed_files import LOOK_EVERY_S, ChangedFiles
from contract.documents.fields import SUPPRESSED, SUPPRESSED_BY
from contract.documents.paths import lookup_clear, merge, nest
from contract.errors import SettingsError, shorten
from contract.wire import DocumentError
from watcher.enrich.responses import Result
from watcher.read.hit import Hit

log = logging.getLogger(__name__)

ADDRESSES = ("source.ip", "destination.ip")
WORDS = ("user.id", "user.name", "host.name", "observer.name")
SUPPRESS_FIELDS = (*ADDRESSES, *WORDS)
"""Document fields that conditions may use."""
VERDICTS = ("label", "family")
OTHERS = ("until", "name")
KEYS = (*SUPPRESS_FIELDS, *VERDICTS, *OTHERS)

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the file."""

    name: str
    """The value of `oversight.suppressed_by`: the given name, otherwise the conditions as written."""
    networks: Mapping[str, tuple[Network, ...]]
    words: Mapping[str, frozenset[str]]
    verdicts: Mapping[str, frozenset[str]]
    """Predicted labels and families."""
    until: date | None = None
    """Last day of the rule, in UTC."""

    def fits(self, source: Mapping[str, Any], prediction: Mapping[str, Any], today: date) -> bool:
        """Whether an alert matches this rule."""
        return (
            (self.until is None or today <= self.until)
            and all(prediction.get(key) in wanted for key, wanted in self.verdicts.items())
            and all(not wanted.isdisjoint(_texts(source, path)) for path, wanted in self.words.items())
            and all(_is_in(wanted, _texts(source, path)) for path, wanted in self.networks.items())
        )


class Suppression:
    """The current rules of a file. Several threads may share it.

    Args:
        path: the file; None: nothing is suppressed.
        look_s: seconds between two checks of the file.
    Raises:
        SettingsError: the file cannot be read, or a line is no rule.
    """

    def __init__(self, path: Path | None, *, look_s: float = LOOK_EVERY_S) -> None:
        self._path = path
        self._file: ChangedFiles[tuple[Rule, ...]] | None = None
        if path is not None:
            self._file = ChangedFiles(
                [path], partial(read, path), log_change=self._log_change, log_error=_log_error, look_every_s=look_s
            )
            rules = len(self._file.content())
            log.info("suppression rules in %s: %d", path, rules, extra={"event.action": "read-suppression"})

    @property
    def fields(self) -> tuple[str, ...]:
        """Document fields to fetch."""
        return () if self._file is None else SUPPRESS_FIELDS

    def apply(self, hits: Sequence[Hit], results: Sequence[Result], *, now: datetime | None = None) -> Sequence[Result]:
        """Return the results, with the alerts that match a rule turned into events."""
        if self._file is None:
            return results
        rules, today = self._file.content(), (now or datetime.now(UTC)).date()
        return [_applied(rules, hit, result, today) for hit, result in zip(hits, results, strict=True)]

    def _log_change(self, rules: tuple[Rule, ...]) -> None:
        log.info(
            "suppression rules changed in %s: %d", self._path, len(rules), extra={"event.action": "read-suppression"}
        )


def _log_error(error: SettingsError, rules: tuple[Rule, ...]) -> None:
    log.error(
        "%s; the previous rules stay active (%d)",
        error,
        len(rules),
        extra={"event.action": "read-suppression", "event.outcome": "failure"},
    )


def read(path: Path) -> tuple[Rule, ...]:
    """Read the rules of a file.

    Raises:
        SettingsError: the file cannot be read, or a line is no rule.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(
            f"OVERSIGHT_SUPPRESS={path} cannot be read ({reason}); name a text file with one rule a line"
        ) from None
    return parse(text, str(path))


def parse(text: str, name: str) -> tuple[Rule, ...]:
    """Parse the rules of a text. Empty lines and text after ` #` are ignored.

    Raises:
        SettingsError: names the line, what it contains and what is expected.
    """
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        written = f" {line}".split(" #", 1)[0].strip()
        if written:
            try:
                rules.append(_rule(written))
            except ValueError as error:
                raise SettingsError(f"{name}, line {number}: {error}") from None
    return tuple(rules)


def _rule(written: str) -> Rule:
    given: dict[str, list[str]] = {}
    for part in filter(str.strip, written.split(";")):
        key, colon, rest = (piece.strip() for piece in part.partition(":"))
        values = [value.strip() for value in rest.split(",") if value.strip()]
        if key not in KEYS:
            raise ValueError(
                f"{shorten(key)} is not a condition; expected one of {', '.join(KEYS)}, as in `source.ip: 10.0.0.5`"
            )
        if not colon or not values:
            raise ValueError(f"{key!r} has no value; expected one, as in `{key}: ...`")
        if key in given:
            raise ValueError(f"{key!r} is there twice; write it once, with commas between its values")
        given[key] = values
    if given.keys().isdisjoint(SUPPRESS_FIELDS):
        raise ValueError(
            f"{shorten(written)} would suppress everybody's alerts; expected one of "
            f"{', '.join(SUPPRESS_FIELDS)} as well"
        )
    return Rule(
        name=" ".join(", ".join(given.get("name", [])).split()) or " ".join(written.split()),
        networks={path: tuple(map(_network, given[path])) for path in ADDRESSES if path in given},
        words={path: frozenset(given[path]) for path in WORDS if path in given},
        verdicts={key: frozenset(given[key]) for key in VERDICTS if key in given},
        until=_day(given["until"]) if "until" in given else None,
    )


def _network(value: str) -> Network:
    try:
        return ip_network(value)
    except ValueError as error:
        raise ValueError(
            f"{shorten(value)} is not an address or network ({error}); expected 10.0.0.5 or 10.1.0.0/16"
        ) from None


def _day(values: Sequence[str]) -> date:
    try:
        (value,) = values
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"`until: {', '.join(values)}` is not a date; expected one such as 2026-12-31") from None


def _applied(rules: Sequence[Rule], hit: Hit, result: Result, today: date) -> Result:
    if isinstance(result, DocumentError) or result.get("event", {}).get("kind") != "alert":
        return result
    for rule in rules:
        if rule.fits(hit.source, result["oversight"]["prediction"], today):
            return merge(result, nest({"event.kind": "event", SUPPRESSED: True, SUPPRESSED_BY: rule.name}))
    return result


def _texts(source: Mapping[str, Any], path: str) -> list[str]:
    """Return every value of a field as text; none if the document has two spellings of the field."""
    value = lookup_clear(source, path)
    return [str(each) for each in (value if isinstance(value, list) else [value]) if isinstance(each, str | int)]


def _is_in(networks: Sequence[Network], texts: Sequence[str]) -> bool:
    addresses = [address for address in map(parse_address, texts) if address is not None]
    return any(address in network for address in addresses for network in networks)
