"""Build the columns of a Lens layer in Kibana's order: buckets from the outside in, then metrics.

Terms, Cases, Times ──▶ bucket columns  b0, b1, ...
Metric              ──▶ metric columns  m0, m1, ...   a ratio or share also has inner columns m0X0, m0X1, ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contract.documents.fields import Kind
from kibana.panels.conditions import Begins, Where, kql, lucene
from kibana.panels.declarations import Breakdown, Cases, Line, Metric, Numbers, Terms, Times

RECORDS = "___records___"
DATA_TYPE: Mapping[Kind, str] = {
    "keyword": "string",
    "long": "number",
    "float": "number",
    "date": "date",
    "ip": "ip",
    "boolean": "boolean",
}
NUMBER = {"dataType": "number", "isBucketed": False, "scale": "ratio"}
Columns = dict[str, dict[str, Any]]


def bucket_id(number: int) -> str:
    """Id of a breakdown's column."""
    return f"b{number}"


def metric_id(number: int) -> str:
    """Id of a metric's column."""
    return f"m{number}"


def bucket(breakdown: Breakdown, *, time_field: str, kinds: Mapping[str, Kind], order_by: str) -> dict[str, Any]:
    """The column of a breakdown.

    Args:
        breakdown: the buckets.
        time_field: the date field for `Times`.
        kinds: type of every field.
        order_by: id of the metric column that values are sorted by.
    """
    common = {"label": breakdown.title, "customLabel": True, "isBucketed": True}
    match breakdown:
        case Times():
            params: dict[str, Any] = {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}
            return common | {
                "dataType": "date",
                "scale": "interval",
                "operationType": "date_histogram",
                "sourceField": time_field,
                "params": params,
            }
        case Cases(cases=cases):
            filters = [{"label": case_label(case.title, case.expected), "input": _kuery(case.where)} for case in cases]
            return common | {
                "dataType": "string",
                "scale": "ordinal",
                "operationType": "filters",
                "params": {"filters": filters},
            }
        case Numbers():
            ranges = {"type": "histogram", "ranges": [{"from": 0, "to": 1000, "label": ""}], "maxBars": "auto"}
            return common | {
                "dataType": "number",
                "scale": "interval",
                "operationType": "range",
                "sourceField": breakdown.field,
                "params": ranges,
            }
        case Terms():
            return common | {
                "dataType": DATA_TYPE[kinds[breakdown.field]],
                "scale": "ordinal",
                "operationType": "terms",
                "sourceField": breakdown.field,
                "params": _terms(breakdown, order_by),
            }


def case_label(title: str, expected: float | None) -> str:
    """Title of a case in Kibana. It includes the expected share, because Lens has no column for that."""
    return title if expected is None else f"{title} (training {expected:.2%})"


def _terms(breakdown: Terms, order_by: str) -> dict[str, Any]:
    by_value = {"type": "alphabetical", "fallback": False}
    by_metric = {"type": "column", "columnId": order_by}
    return {
        "size": breakdown.size,
        "orderBy": by_value if breakdown.by_name else by_metric,
        "orderDirection": "asc" if breakdown.by_name else "desc",
        "otherBucket": breakdown.others or breakdown.missing is not None,  # Kibana needs it for the missing ones
        "missingBucket": breakdown.missing is not None,
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
    }


def metric(number: int, wanted: Metric) -> Columns:
    """The columns of a metric, its own first. A formula's inner columns must be stored as well."""
    column = metric_id(number)
    if wanted.kind == "share":
        inner: Columns = {
            f"{column}X0": _count(None),
            f"{column}X1": _count(None),
            f"{column}X2": NUMBER | {"operationType": "overall_sum", "references": [f"{column}X1"]},
        }
        return _formula(column, wanted, "count() / overall_sum(count())", inner, (f"{column}X0", f"{column}X2"))
    if wanted.kind == "ratio":
        inner = {f"{column}X0": _count(wanted.part), f"{column}X1": _count(wanted.whole)}
        text = f"{_counted(wanted.part)} / {_counted(wanted.whole)}"
        return _formula(column, wanted, text, inner, (f"{column}X0", f"{column}X1"))
    operation, source = wanted.kind, wanted.field or RECORDS
    params: dict[str, Any] = {"format": _format(wanted)}
    if wanted.kind in ("count", "unique_count"):
        params["emptyAsNull"] = False  # show 0 instead of a gap
    if wanted.kind == "percentile":
        params["percentile"] = wanted.percent
    body = NUMBER | {"label": wanted.title, "customLabel": True, "operationType": operation, "sourceField": source}
    if wanted.part is not None:
        body["filter"] = _kuery(wanted.part)
    return {column: body | {"params": params}}


def _formula(column: str, wanted: Metric, text: str, inner: Columns, args: tuple[str, str]) -> Columns:
    """The columns of a division: its own column, then the inner ones; the last of them divides."""
    part = {"label": f"Part of {wanted.title}", "customLabel": True}
    divides = f"{column}X{len(inner)}"
    tree = {
        "type": "function",
        "name": "divide",
        "args": list(args),
        "location": {"min": 0, "max": len(text)},
        "text": text,
    }
    params = {"formula": text, "isFormulaBroken": False, "format": _format(wanted)}
    own = NUMBER | {
        "label": wanted.title,
        "customLabel": True,
        "operationType": "formula",
        "params": params,
        "references": [divides],
    }
    math = NUMBER | part | {"operationType": "math", "params": {"tinymathAst": tree}, "references": list(args)}
    return {column: own} | {name: part | body for name, body in inner.items()} | {divides: math}


def _count(where: Where | None) -> dict[str, Any]:
    body = NUMBER | {"operationType": "count", "sourceField": RECORDS, "params": {"emptyAsNull": False}}
    return body if where is None else body | {"filter": _kuery(where)}


def _counted(where: Where | None) -> str:
    """A count in Lens's formula language, which puts texts in single quotes."""
    if where is None:
        return "count()"
    quoted = kql(where).replace("'", "\\'")
    return f"count(kql='{quoted}')"


def _format(wanted: Metric) -> dict[str, Any]:
    if wanted.format == "percent":
        return {"id": "percent", "params": {"decimals": wanted.decimals}}
    if wanted.format == "seconds":
        return {"id": "number", "params": {"decimals": wanted.decimals, "suffix": " s"}}
    return {"id": "number", "params": {"decimals": wanted.decimals}}


def constant(line: Line) -> dict[str, Any]:
    """The column of a line at a constant value."""
    return NUMBER | {
        "label": line.title,
        "customLabel": True,
        "operationType": "static_value",
        "isStaticValue": True,
        "params": {"value": repr(line.value)},
        "references": [],
    }


def _kuery(where: Where | None) -> dict[str, str]:
    if isinstance(where, Begins):
        return {"language": "lucene", "query": lucene(where)}
    return {"language": "kuery", "query": kql(where)}
