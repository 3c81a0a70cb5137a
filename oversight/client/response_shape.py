"""Checks the shape of Elasticsearch's responses before our code reads them.

    GET /          version.number, cluster_uuid            a string each
    _search        hits.hits, _shards                      each hit an object with an _id
    _bulk          items                                   each an object with one operation and its status
    _count, _pit, _mget, _msearch                          their one key
    anything else                                          a JSON object or list

A proxy, a cache or another program may respond in Elasticsearch's place. The whole response is rejected here, so it
never becomes a KeyError in a command or a search without hits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Shape = Mapping[str, tuple[type, Callable[[Any], bool] | None]]


def problem_of(method: str, target: str, body: Any) -> str | None:
    """Return what is wrong with the body of a successful response; None if nothing is.

    Args:
        method: HTTP method.
        target: path and query string.
        body: decoded body of the response.
    """
    if method == "HEAD":
        return None
    if not isinstance(body, dict | list):
        return f"the body is {_kind(body)}, expected a JSON object"
    path, _, query = target.partition("?")
    for pattern, shape in _SHAPES:
        if pattern.search(f"{method} {path}"):
            return _compared(body, shape, filtered="filter_path=" in query)
    return None


def _compared(body: Any, shape: Shape, *, filtered: bool) -> str | None:
    for key, (kind, fits) in shape.items():
        value = _at(body, key)
        if (
            value is None and filtered and key != "items"
        ):  # the request left it out with filter_path; our requests never leave `items` out
            continue
        if not isinstance(value, kind):
            return f"`{key}` of the response is {_kind(value)}, expected {_NAMES[kind]}"
        if fits is not None and not _each(fits, value):
            return f"`{key}` of the response has an entry of an unexpected form"
    return None


def _each(fits: Callable[[Any], bool], values: Any) -> bool:
    return all(map(fits, values))


def _at(body: Any, key: str) -> Any:
    for part in key.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


def _is_hit(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("_id"), str)


def _is_item(value: Any) -> bool:
    outcome = next(iter(value.values()), None) if isinstance(value, dict) and len(value) == 1 else None
    return isinstance(outcome, dict) and isinstance(outcome.get("status"), int)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


_NAMES = {str: "a string", dict: "an object", list: "a list", int: "a number"}


def _kind(value: Any) -> str:
    return "missing" if value is None else _NAMES.get(type(value), f"a {type(value).__name__}")


_SHAPES: tuple[tuple[re.Pattern[str], Shape], ...] = (
    (re.compile(r"^GET /?$"), {"version": (dict, None), "version.number": (str, None), "cluster_uuid": (str, None)}),
    (re.compile(r"/_search$"), {"hits.hits": (list, _is_hit), "_shards": (dict, None)}),
    (re.compile(r"/_bulk$"), {"items": (list, _is_item)}),
    (re.compile(r"/_count$"), {"count": (int, None), "_shards": (dict, None)}),
    (re.compile(r"^POST .*/_pit$"), {"id": (str, None)}),
    (re.compile(r"/_mget$"), {"docs": (list, _is_object)}),
    (re.compile(r"/_msearch$"), {"responses": (list, _is_object)}),
)
