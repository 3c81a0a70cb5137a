"""Check what the enrich service answers, before any of it may touch a document. No I/O.

body ──▶ JSON? ──▶ model? ──▶ one result a document, in order? ──▶ fields or error? ──▶ fields ours to write? ──▶ Answer
                                              any "no": ProtocolError, a server's fault, nothing is written
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from contract.errors import ProtocolError, shorten
from contract.fields import BY_NAME, ENRICH_ROOTS

MAX_DEPTH = 20
"""Objects within objects; the deepest field of the contract is four below its root."""

WHOLE = frozenset(field.name for field in BY_NAME.values() if field.kind == "object")
"""Fields that a mapping stores as one object, whatever is in it."""
BOOLEANS = frozenset(field.name for field in BY_NAME.values() if field.kind == "boolean")
PLAIN = frozenset({str, int, float, bool, type(None)})
"""Types that every mapping takes or sets aside, but a boolean's."""


@dataclass(frozen=True, slots=True)
class Model:
    """Which model answers, and the document fields that it reads."""

    id: str
    version: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prediction:
    """The service's answer for a document that it can read: dotted path and value of every field to write."""

    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The service's answer for a document that it cannot read."""

    type: str
    message: str
    field: str | None


Result = Prediction | Refusal


@dataclass(frozen=True, slots=True)
class Answer:
    """The checked answer to one request: `results` stand in the order of the documents."""

    model: Model
    results: tuple[Result, ...]


def parse_model(body: bytes) -> Model:
    """The answer to `GET /v1/model`.

    Raises:
        ProtocolError: it is none.
    """
    data = _json_object(body)
    fields = data.get("fields")
    if not isinstance(fields, list) or not fields or not all(isinstance(field, str) and field for field in fields):
        raise ProtocolError(_wrong("`fields` of GET /v1/model that is no list of document fields"))
    return Model(*_identity(data.get("model")), fields=tuple(fields))


def parse_answer(body: bytes, ids: Sequence[str]) -> Answer:
    """The answer to `POST /v1/enrich` for documents with these ids.

    Raises:
        ProtocolError: some part of it is not what the contract says; then no part of it is used.
    """
    data = _json_object(body)
    model = Model(*_identity(data.get("model")))
    results = data.get("results")
    if not isinstance(results, list) or len(results) != len(ids):
        count = len(results) if isinstance(results, list) else "no list of"
        raise ProtocolError(_wrong(f"{count} results for {len(ids)} documents"))
    return Answer(model, tuple(_result(item, doc_id) for item, doc_id in zip(results, ids, strict=True)))


def flatten(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted paths of a partial document in any spelling, each allowed and fit for its mapping.

    Raises:
        ProtocolError: a path is not ours to write, occurs twice, or holds what its mapping would refuse.
    """
    flat: dict[str, Any] = {}
    odd: list[str] = []
    _collect(fields, "", flat, odd, 0)
    problem = _paths_problem(tuple(flat))
    for path in odd if not problem else ():
        problem = problem or _value_problem(path, flat[path])
    if problem:
        raise ProtocolError(_wrong(problem))
    return flat


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(_wrong(f"no JSON ({error})")) from None
    if not isinstance(data, dict):
        raise ProtocolError(_wrong(f"JSON that is no object: {shorten(data)}"))
    return data


def _identity(data: Any) -> tuple[str, str]:
    """Id and version of the model that answers."""
    found = (data.get("id"), data.get("version")) if isinstance(data, dict) else (None, None)
    if not all(isinstance(part, str) and part for part in found):
        raise ProtocolError(_wrong("no id and version of the model"))
    return str(found[0]), str(found[1])


def _result(item: Any, doc_id: str) -> Result:
    if not isinstance(item, dict) or item.get("id") != doc_id:
        raise ProtocolError(_wrong(f"a result that is not that of document {shorten(doc_id)}, whose turn it is"))
    fields, error = item.get("fields"), item.get("error")
    if (fields is None) == (error is None):
        raise ProtocolError(_wrong(f"both or neither of `fields` and `error` for document {shorten(doc_id)}"))
    if error is not None:
        return _refusal(error, doc_id)
    if not isinstance(fields, dict):
        raise ProtocolError(_wrong(f"`fields` of document {shorten(doc_id)} is no object"))
    flat = flatten(fields)
    if not isinstance(flat.get("oversight.prediction.label"), str):
        raise ProtocolError(_wrong(f"no oversight.prediction.label for document {shorten(doc_id)}"))
    return Prediction(flat)


def _refusal(error: Any, doc_id: str) -> Refusal:
    parts = (error.get("type"), error.get("message")) if isinstance(error, dict) else (None, None)
    field = error.get("field") if isinstance(error, dict) else None
    if not all(isinstance(part, str) and part for part in parts) or not isinstance(field, str | None):
        raise ProtocolError(_wrong(f"an `error` without type and message for document {shorten(doc_id)}"))
    return Refusal(str(parts[0]), str(parts[1]), field)


def _collect(fields: Mapping[str, Any], prefix: str, flat: dict[str, Any], odd: list[str], depth: int) -> None:
    """Every value with its path; a list is a value, and so is what a mapping stores as one object.

    `odd` gets the paths of values that not every mapping takes.
    """
    if depth > MAX_DEPTH:
        raise ProtocolError(_wrong(f"objects nested deeper than {MAX_DEPTH}"))
    for key, value in fields.items():
        path = prefix + key
        kind = type(value)
        if kind is dict and value and path not in WHOLE:
            _collect(value, f"{path}.", flat, odd, depth + 1)
            continue
        if path in flat:
            raise ProtocolError(_wrong(f"field {shorten(path)} twice in one result"))
        flat[path] = value
        if kind not in PLAIN or path in BOOLEANS:
            odd.append(path)


@lru_cache(maxsize=1024)
def _paths_problem(paths: tuple[str, ...]) -> str:
    """Why these may not be written together; empty where they may. The same few lists come with every document."""
    for path in paths:
        problem = _path_problem(path)
        if problem:
            return problem
        if not set(paths).isdisjoint(_parents(path)):
            return f"field {shorten(path)} below another field, which is a value"
    return ""


@lru_cache(maxsize=4096)
def _path_problem(path: str) -> str:
    """Why nothing may be written at a path; empty where it may."""
    if not all(path.split(".")):
        return f"field {shorten(path)}, a name that no engine takes"
    if not any(path == root or path.startswith(f"{root}.") for root in ENRICH_ROOTS):
        return f"field {shorten(path)}, which is none of {', '.join(ENRICH_ROOTS)}"
    if path not in BY_NAME and any(name.startswith(f"{path}.") for name in BY_NAME):
        return f"a value in {shorten(path)}, which is an object of other fields"
    below = [parent for parent in _parents(path) if parent in BY_NAME]
    return f"field {shorten(path)} below {below[0]!r}, which is a value" if below else ""


def _value_problem(path: str, value: Any) -> str:
    """Why a mapping would refuse a value: with one of these the document could never be written."""
    field = BY_NAME.get(path)
    if field is None or field.kind == "object" or value is None:
        return ""
    values = value if isinstance(value, list) else [value]
    if any(isinstance(each, dict | list) for each in values):
        return f"an object or a list within a list in {path!r}, which holds {field.kind} values"
    if field.kind == "boolean" and not all(isinstance(each, bool) for each in values):
        return f"{shorten(value)} in {path!r}, which is a boolean"
    return ""


def _parents(path: str) -> Iterator[str]:
    cut = path.find(".")
    while cut != -1:
        yield path[:cut]
        cut = path.find(".", cut + 1)


def _wrong(found: str) -> str:
    return (
        f"the enrich service answered {found}; expected what docs/http-api.md says; nothing was written, "
        f"check OVERSIGHT_ENRICH_URL and the service's version"
    )
