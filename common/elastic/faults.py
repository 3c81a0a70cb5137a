"""Say why Elasticsearch refuses a request, and what to do.

status, body ──▶ cause()       Elasticsearch's own reason, in one line
             ├─▶ refusal()     one of the next two
             ├─▶ credentials() 401: none were sent, or they are wrong
             └─▶ privilege()   403: who lacks which privilege, on what
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

MAX_REASON = 300
"""Longest reason in characters. Some of Elasticsearch's reasons list every index of the cluster."""

_UNAUTHORIZED = re.compile(
    r"action \[(?P<action>[^\]]+)\] is unauthorized for (?:(?P<key>API key) id \[(?P<id>[^\]]*)\]|user "
    r"\[(?P<user>[^\]]*)\])"
)
_ON = re.compile(r" on (?:restricted )?indices \[(?P<indices>[^\]]*)\]")
_GRANTED = re.compile(r"granted by the (?P<kind>\w+) privileges \[(?P<privileges>[^\]]*)\]")


def first_cause(body: Any) -> Mapping[str, Any]:
    """Return the first root cause of an error, or the error itself; empty if the body is no error of Elasticsearch.

    Args:
        body: decoded body of the response.
    """
    error = body.get("error") if isinstance(body, Mapping) else None
    causes = error.get("root_cause") if isinstance(error, Mapping) else None
    first = causes[0] if isinstance(causes, list) and causes else error
    return first if isinstance(first, Mapping) else {}


def cause(body: Any) -> str:
    """Return Elasticsearch's own reason; empty if the body is no error of Elasticsearch.

    Args:
        body: decoded body of the response.
    """
    return _one_line(first_cause(body).get("reason")) or ""


def refusal(status: int, body: Any) -> str:
    """Explain a 401 or 403.

    Args:
        status: 401 or 403.
        body: decoded body of the response.
    """
    return credentials(body) if status == 401 else privilege(body)


def credentials(body: Any) -> str:
    """Explain a 401, and name the variables to set.

    Args:
        body: decoded body of the response.
    """
    if "missing authentication credentials" in cause(body):
        return (
            "asks for credentials, and none were sent (401); set ELASTICSEARCH_API_KEY or ELASTICSEARCH_API_KEY_FILE, "
            "or ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD"
        )
    return (
        f"refuses the credentials (401{_because(_detail(body))}); check that ELASTICSEARCH_API_KEY, or "
        "ELASTICSEARCH_USERNAME and "
        f"ELASTICSEARCH_PASSWORD, belong to this cluster and have not expired or been invalidated"
    )


def privilege(body: Any) -> str:
    """Explain a 403: who lacks which privilege, and the smallest privilege that is enough.

    Args:
        body: decoded body of the response.
    """
    reason = cause(body)
    denied = _UNAUTHORIZED.search(reason)
    if denied is None:
        return f"forbids this (403{_because(reason)}); the API key or user lacks the privilege"
    who = f"the API key with id {denied['id']}" if denied["key"] else f"the user {denied['user']}"
    target = _ON.search(reason)
    on_indices = f" on {target['indices']}" if target else ""
    granted = _GRANTED.search(reason)
    needs = f"; it needs the {granted['kind']} privilege {granted['privileges'].split(',')[0]}" if granted else ""
    return f"does not let {who} do {denied['action']}{on_indices} (403){needs}"


def _detail(body: Any) -> str:
    more = _one_line(first_cause(body).get("additional_unsuccessful_credentials"))
    return cause(body) if more is None else more


def _one_line(value: Any) -> str | None:
    return " ".join(value.split())[:MAX_REASON] if isinstance(value, str) else None


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
