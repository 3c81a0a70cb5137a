"""The id of an incident: DATASET/KEY/FAMILY/TIME.

    connection/source.ip=10.0.0.5/probe/2026-01-31T08:00:00.000Z

The id means the incident that holds that moment. Key and family are percent-encoded, because they may hold any text;
of a long text the id has the beginning and a digest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from urllib.parse import quote, unquote

from contract.documents.datasets import is_dataset
from contract.errors import InputError, shorten
from watcher.incidents.rules import MACHINE_FIELDS, TARGET, KeyField

LONGEST_TEXT, BEGINNING = 200, 80
"""Most characters of a text that is written whole, and how many are written of a longer one."""
LONGEST_ID = 4_096
NO_MACHINE = "-"
EXAMPLE = "connection/source.ip=10.0.0.5/probe/2026-01-31T08:00:00.000Z"
_DIGEST = re.compile(r"~([0-9a-f]{32})$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIELDS: tuple[KeyField, ...] = (TARGET, *MACHINE_FIELDS)


@dataclass(frozen=True, slots=True)
class Text:
    """A key or a family in an id."""

    value: str
    digest: str = ""
    """If not empty: `value` is only the beginning, and this is the digest of the whole text."""


@dataclass(frozen=True, slots=True)
class IncidentId:
    """The parts of an id."""

    dataset: str
    key_field: KeyField
    key: Text
    name: Text
    """Family or label."""
    at_ms: int


def format_id(dataset: str, key_field: str, key: str, name: str, first_ms: int) -> str:
    """Return the id of an incident.

    Args:
        dataset: dataset of its alerts.
        key_field: the field that names its machine or target; empty: none.
        key: the value of that field.
        name: family or label of its alerts; may be empty.
        first_ms: time of its first alert, in milliseconds since 1970.
    """
    machine = f"{key_field}={_encode(key)}" if key_field else NO_MACHINE
    return f"{dataset}/{machine}/{_encode(name)}/{iso(first_ms)}"


def parse_id(text: str) -> IncidentId:
    """Read an id.

    Raises:
        InputError: the text is no id.
    """
    parts = text.split("/")
    if len(text) > LONGEST_ID or len(parts) != 4:
        raise _no_id(text, "expected four parts")
    dataset, machine, name, time = parts
    if not is_dataset(dataset):
        raise _no_id(text, f"{shorten(dataset)} is no dataset")
    field, equals, key = machine.partition("=")
    known = next((each for each in _FIELDS if each == field), "" if machine == NO_MACHINE else None)
    if known is None or (known and not equals):
        raise _no_id(
            text, f"the second part is {shorten(machine)}, expected {NO_MACHINE} or {', '.join(_FIELDS)} = value"
        )
    try:
        return IncidentId(dataset, known, _decode(key), _decode(name), milliseconds(time))
    except ValueError as error:
        raise _no_id(text, str(error)) from None


def _no_id(text: str, why: str) -> InputError:
    return InputError(
        f"{shorten(text)} is not the id of an incident ({why}); expected an id such as {EXAMPLE}, as "
        f"`oversight incidents` shows it"
    )


def digest_of(text: str) -> str:
    """Return the digest that stands for a long text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _encode(text: str) -> str:
    if len(text) > LONGEST_TEXT:
        return f"{_quoted(text[:BEGINNING])}~{digest_of(text)}"
    return _quoted(text)


def _quoted(text: str) -> str:
    return quote(text, safe=":@", errors="surrogatepass").replace("~", "%7E")


def _decode(text: str) -> Text:
    digest = _DIGEST.search(text)
    shown = text[: digest.start()] if digest else text
    return Text(unquote(shown, errors="surrogatepass"), digest[1] if digest else "")


def iso(at_ms: int) -> str:
    """Return a time in ISO 8601; a time after the year 9999 or before the year 1 stays a number."""
    try:
        at = _EPOCH + timedelta(milliseconds=at_ms)
    except OverflowError:
        return str(at_ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03}Z".rjust(24, "0")


def milliseconds(text: str) -> int:
    """Read a time as `iso` writes it, or any ISO 8601 with a zone.

    Raises:
        ValueError: the text is neither.
    """
    if re.fullmatch(r"-?[0-9]{1,19}", text):
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"the time {shorten(text)} is not ISO 8601") from None
    if at.tzinfo is None:
        raise ValueError(f"the time {shorten(text)} has no time zone; write Z at its end for UTC")
    return (at - _EPOCH) // timedelta(milliseconds=1)
