"""Export analysts' verdicts as training rows: the model's features in the contract's order, and the confirmed label.

documents with a verdict ──▶ label confirmed? features complete? ──▶ Row ──▶ CSV, and a file with its provenance
                                         └─ no ──▶ counted, by reason
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from contract.artifact.contract import Feature, ModelContract
from contract.artifact.task_rules import DATE_PARTS
from contract.documents.feedback import ROOT, VERDICTS, confirmed_label
from contract.documents.fields import PREDICTED_LABEL
from contract.documents.paths import lookup_clear, lookup_text
from contract.errors import DocumentError
from contract.values import is_missing, to_boolean, to_date, words_are_numbers
from watcher.operations.selection import Query, any_of
from watcher.operations.sweep import read_all
from watcher.operations.trust import looks_forged, require_guard
from watcher.read.hit import Hit
from watcher.read.readable_indices import refresh

VERDICT = f"{ROOT}.verdict"
JUDGED: Query = any_of(*({"term": {VERDICT: verdict}} for verdict in VERDICTS))
MISSING = ""
"""A value that the contract allows to be missing; its cell is empty."""
NO_LABEL = "the verdict has no label (give one with --label)"
NO_PLAIN_WORD = "a word that CSV readers read differently"
FORMULA = "a word that a spreadsheet reads as a formula"
FORMULA_BEGINS = frozenset("=+-@")
"""A number may begin with these too. Tabs, line ends and non-ASCII letters, such as a wide equals sign, are refused
earlier.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One training row."""

    values: tuple[float | str, ...]
    """In the order of the contract's features."""
    label: str
    provenance: Mapping[str, Any]
    """Which document, who gave the verdict and when, and what the model had predicted."""


@dataclass(slots=True)
class Exported:
    """Counts of the documents with a verdict."""

    rows: int = 0
    by_label: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    """By reason."""


def rows(
    es: Elasticsearch, index: str, contract: ModelContract, exported: Exported, *, unguarded: bool = False
) -> Iterator[Row]:
    """Return every verdict that makes a training row, in the order of arrival. `exported` counts them and the others.

    Args:
        es: the cluster.
        index: data stream, index, list or pattern.
        contract: the features and labels of the rows.
        exported: gets the counts.
        unguarded: accept any index, and documents that look forged.

    Raises:
        InputError: the index is not guarded by our final pipeline.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    if not unguarded:
        require_guard(es, index)
    fields = [*contract.fields, ROOT, PREDICTED_LABEL, "oversight.prediction.at", "oversight.model"]
    refresh(es, index)
    for page in read_all(es, index, JUDGED, fields=fields):
        for hit in page:
            why = None if unguarded else looks_forged(hit.source)
            made = f"it looks forged ({why})" if why else row_of(hit, contract)
            if isinstance(made, str):
                exported.left_out[made] += 1
                continue
            exported.rows += 1
            exported.by_label[made.label] += 1
            yield made


def row_of(hit: Hit, contract: ModelContract) -> Row | str:
    """Return the training row of a document with a verdict, or the reason why it makes none."""
    if hit.too_large:
        return "the document's features and verdict are too large to read"
    source = hit.source
    said = {name: lookup_text(source, f"{ROOT}.{name}") for name in ("verdict", "label", "comment", "by", "at")}
    predicted = lookup_text(source, PREDICTED_LABEL)
    label = confirmed_label(said["verdict"] or "", given=said["label"], predicted=predicted, labels=contract.labels)
    if label is None:
        return NO_LABEL
    unusual = _unusual(label)
    if unusual is not None:
        return f"the label is {unusual}"
    values: list[float | str] = []
    for feature in contract.features:
        value = _value(source, feature)
        if value is None:
            return f"{feature.field} is missing or is not a {_expected(feature)}"
        may_miss = feature.missing != "error"
        unusual = None if may_miss and value == MISSING else _unusual(value)
        if unusual is not None:
            return f"{feature.field} holds {unusual}"
        values.append(value)
    provenance = {
        "id": hit.id,
        "index": hit.index,
        **said,
        "predicted": predicted,
        "predicted_at": lookup_text(source, "oversight.prediction.at"),
        "model": {name: lookup_text(source, f"oversight.model.{name}") for name in ("id", "version")},
    }
    return Row(tuple(values), label, provenance)


def csv_header(contract: ModelContract) -> str:
    """Return the first line of the file."""
    return ",".join([*(feature.name for feature in contract.features), "label"])


def csv_line(row: Row) -> str:
    """Return one line, with numbers in their shortest form, as in the documents."""
    return ",".join([*(value if isinstance(value, str) else _digits(value) for value in row.values), row.label])


def json_row(row: Row, contract: ModelContract) -> dict[str, Any]:
    """Return one object with the features by name, the label and the provenance."""
    names = [feature.name for feature in contract.features]
    values = [None if value == MISSING else value for value in row.values]
    return {**dict(zip(names, values, strict=True)), "label": row.label, "provenance": row.provenance}


def _value(source: Mapping[str, Any], feature: Feature) -> float | str | None:
    """Return the value that the feature is read from; `MISSING` if it may be; None if it is no value of its type."""
    value = lookup_clear(source, feature.field)
    if feature.missing != "error" and is_missing(value):
        return MISSING
    try:
        if feature.reads in DATE_PARTS:
            return to_date(feature.field, value).isoformat()
        if feature.reads == "boolean":
            return to_boolean(feature.field, value)
    except DocumentError:
        return None
    if feature.kind == "string":
        if isinstance(value, float) and value.is_integer() and words_are_numbers(feature):
            value = int(value)
        return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    return _finite(value) if isinstance(value, str | int | float) else None


def _expected(feature: Feature) -> str:
    if feature.reads in DATE_PARTS:
        return "date"
    if feature.reads == "boolean":
        return "boolean"
    return "number" if feature.kind == "float" else "word"


def _digits(number: float) -> str:
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _unusual(value: float | str) -> str | None:
    """Return why a word must not be in a CSV file that people open in a spreadsheet; None: it may.

    A semicolon must not, because spreadsheets of many countries split a line there: `x;=1+1` would hold a formula.
    """
    if not isinstance(value, str):
        return None
    if not value or not value.isascii() or not value.isprintable() or set(value) & set(',";') or value != value.strip():
        return NO_PLAIN_WORD
    return FORMULA if value[0] in FORMULA_BEGINS and _finite(value) is None else None


def _finite(value: float | str) -> float | None:
    """Return a value as a finite number; None if it is none."""
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
