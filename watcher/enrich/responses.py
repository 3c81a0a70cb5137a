"""Check what the enrich service answers, before any of it may touch a document. No I/O.

body ──▶ JSON? ──▶ model? ──▶ one result a document, in order? ──▶ fields or error? ──▶ fields ours to write? ──▶ Answer
                                              any "no": ProtocolError, a server's fault, nothing is written
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import Any

import orjson

from contract.errors import ProtocolError, shorten
from watcher.enrich.merge_rules import are_plain, flatten, wrong_answer

LABEL = "oversight.prediction.label"
PLAIN_KEYS = (("id", "fields"), ("fields", "id"))


@dataclass(frozen=True, slots=True)
class Model:
    """Which model answers, and the document fields that it reads."""

    id: str
    version: str
    fields: tuple[str, ...] = ()


class Prediction:
    """The service's answer for a document that it can read; checked, so that all of it may be written.

    Args:
        fields: dotted path and value of every field to write.
        nested: in place of `fields`, the same as one object in which no key has a dot; it may be completed in place.
    """

    __slots__ = ("_fields", "nested")

    def __init__(self, fields: Mapping[str, Any] | None, nested: dict[str, Any] | None = None) -> None:
        self._fields, self.nested = fields, nested

    @property
    def fields(self) -> Mapping[str, Any]:
        """Dotted path and value of every field to write."""
        if self._fields is None:
            self._fields = flatten(self.nested or {})
        return self._fields


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
        raise ProtocolError(wrong_answer("`fields` of GET /v1/model that is not a list of document fields"))
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
        raise ProtocolError(wrong_answer(f"{count} results for {len(ids)} documents"))
    if _are_plain_predictions(results, ids):
        return Answer(model, tuple(map(Prediction, repeat(None), map(itemgetter("fields"), results))))
    return Answer(model, tuple(_result(item, doc_id) for item, doc_id in zip(results, ids, strict=True)))


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProtocolError(wrong_answer(f"no JSON ({error})")) from None
    if not isinstance(data, dict):
        raise ProtocolError(wrong_answer(f"JSON that is not an object: {shorten(data)}"))
    return data


def _identity(data: Any) -> tuple[str, str]:
    """Id and version of the model that answers."""
    found = (data.get("id"), data.get("version")) if isinstance(data, dict) else (None, None)
    if not all(isinstance(part, str) and part for part in found):
        raise ProtocolError(wrong_answer("no id and version of the model"))
    return str(found[0]), str(found[1])


def _are_plain_predictions(results: Sequence[Any], ids: Sequence[str]) -> bool:
    """Whether each is a prediction, that of the document whose turn it is, and fit to be written just as it came.

    True of nearly every page, and much cheaper to see of a page than of its documents; False says nothing.
    """
    if set(map(type, results)) != {dict} or not set(map(tuple, results)).issubset(PLAIN_KEYS):
        return False
    fields = list(map(itemgetter("fields"), results))
    return list(map(itemgetter("id"), results)) == list(ids) and are_plain(fields) and _all_have_a_label(fields)


def _all_have_a_label(fields: Iterable[Mapping[str, Any]]) -> bool:
    objects: Iterable[Any] = fields
    try:
        for key in LABEL.split("."):
            objects = map(itemgetter(key), objects)
        return set(map(type, objects)) == {str}
    except (KeyError, TypeError):
        return False


def _result(item: Any, doc_id: str) -> Result:
    if not isinstance(item, dict) or item.get("id") != doc_id:
        raise ProtocolError(
            wrong_answer(f"a result that does not belong to document {shorten(doc_id)}, which comes next")
        )
    fields, error = item.get("fields"), item.get("error")
    if (fields is None) == (error is None):
        raise ProtocolError(wrong_answer(f"both or neither of `fields` and `error` for document {shorten(doc_id)}"))
    if error is not None:
        return _refusal(error, doc_id)
    if not isinstance(fields, dict):
        raise ProtocolError(wrong_answer(f"`fields` of document {shorten(doc_id)}, which is not an object"))
    flat = flatten(fields)
    if not isinstance(flat.get(LABEL), str):
        raise ProtocolError(wrong_answer(f"no {LABEL} for document {shorten(doc_id)}"))
    return Prediction(flat)


def _refusal(error: Any, doc_id: str) -> Refusal:
    parts = (error.get("type"), error.get("message")) if isinstance(error, dict) else (None, None)
    field = error.get("field") if isinstance(error, dict) else None
    if not all(isinstance(part, str) and part for part in parts) or not isinstance(field, str | None):
        raise ProtocolError(wrong_answer(f"an `error` without type and message for document {shorten(doc_id)}"))
    return Refusal(str(parts[0]), str(parts[1]), field)
