"""Alerts that somebody expects: they are kept with their whole prediction, and do not alert.

    file ──▶ parse() ──▶ rules ──┐
      ▲ read anew when changed   ├──▶ apply() ──▶ event.kind stays `event`, oversight.suppressed says by which rule
    documents, predictions ──────┘

A line of the file is a rule; a document must meet all of its conditions, and one of the values of each:

    source.ip: 10.1.0.0/16, 10.2.0.7; family: probe; until: 2026-12-31   # the vulnerability scanner
    user.id: alice; name: load test
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any

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
"""Fields of the document by which a rule may choose it."""
VERDICTS = ("label", "family")
OTHERS = ("until", "name")
KEYS = (*SUPPRESS_FIELDS, *VERDICTS, *OTHERS)
LOOK_S = 1.0
"""Between two looks at the file."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the file."""

    name: str
    """What `oversight.suppressed_by` says: the name given, else the conditions as they are written."""
    networks: Mapping[str, tuple[Network, ...]]
    words: Mapping[str, frozenset[str]]
    verdicts: Mapping[str, frozenset[str]]
    """Labels and families of the prediction."""
    until: date | None = None
    """Last day, in UTC, on which it counts."""

    def fits(self, source: Mapping[str, Any], prediction: Mapping[str, Any], today: date) -> bool:
        """Whether an alert is one that this rule expects."""
        return (
            (self.until is None or today <= self.until)
            and all(prediction.get(key) in wanted for key, wanted in self.verdicts.items())
            and all(not wanted.isdisjoint(_texts(source, path)) for path, wanted in self.words.items())
            and all(_is_in(wanted, _texts(source, path)) for path, wanted in self.networks.items())
        )


class Suppression:
    """The rules of a file, as they are now; several threads may ask.

    Args:
        path: the file; None: nothing is suppressed.
        look_s: seconds between two looks at it.
    Raises:
        SettingsError: it cannot be read, or a line is no rule.
    """

    def __init__(self, path: Path | None, *, look_s: float = LOOK_S) -> None:
        self._path, self._look_s = path, look_s
        self._lock = threading.Lock()
        self._state = _state(path)
        self._rules: tuple[Rule, ...] = () if path is None else read(path)
        self._next_look_s = time.monotonic() + look_s
        if path is not None:
            log.info("suppression rules in %s: %d", path, len(self._rules), extra={"event.action": "read-suppression"})

    @property
    def fields(self) -> tuple[str, ...]:
        """Document fields that must be fetched."""
        return () if self._path is None else SUPPRESS_FIELDS

    def apply(self, hits: Sequence[Hit], results: Sequence[Result], *, now: datetime | None = None) -> Sequence[Result]:
        """The results, with the alerts among them that a rule expects turned into events."""
        if self._path is None:
            return results
        rules, today = self._current(), (now or datetime.now(UTC)).date()
        return [_applied(rules, hit, result, today) for hit, result in zip(hits, results, strict=True)]

    def _current(self) -> tuple[Rule, ...]:
        with self._lock:
            now_s = time.monotonic()
            if now_s >= self._next_look_s:
                self._next_look_s = now_s + self._look_s
                self._look()
            return self._rules

    def _look(self) -> None:
        """Read the file again where it changed; one that cannot be read leaves the rules as they were."""
        state = _state(self._path)
        if self._path is None or state == self._state:
            return
        self._state = state
        try:
            self._rules = read(self._path)
        except SettingsError as error:
            log.error(
                "%s; the previous rules stay active (%d)",
                error,
                len(self._rules),
                extra={"event.action": "read-suppression", "event.outcome": "failure"},
            )
            return
        log.info(
            "suppression rules changed in %s: %d",
            self._path,
            len(self._rules),
            extra={"event.action": "read-suppression"},
        )


def read(path: Path) -> tuple[Rule, ...]:
    """The rules of a file.

    Raises:
        SettingsError: it cannot be read, or a line is no rule.
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
    """The rules of a text; empty lines and what stands behind a `#` do not count.

    Raises:
        SettingsError: names the line, what it says and what is expected.
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
    """Every value of a field, as text; none where two spellings contradict each other."""
    value = lookup_clear(source, path)
    return [str(each) for each in (value if isinstance(value, list) else [value]) if isinstance(each, str | int)]


def _is_in(networks: Sequence[Network], texts: Sequence[str]) -> bool:
    addresses = [address for address in map(_address, texts) if address is not None]
    return any(address in network for address in addresses for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _state(path: Path | None) -> tuple[int, int, int] | None:
    """What changes when a file does; None where there is none."""
    if path is None:
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
