"""What the key or user that we sign in with may do beyond what a part needs.

GET _security/_authenticate ─┬─ API key ─▶ GET _security/api_key?id=its own ─┐
                             └─ user    ─▶ GET _security/user/_privileges ───┴─▶ compared with each part

A key may ask for itself without any privilege, and so may a user.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from es_pipelines.cluster.requests import call
from es_pipelines.security.keys import NO_SECURITY
from es_pipelines.security.roles import PARTS, Part, normal_privileges, privileges

_UNLIMITED = {"unlimited": ["everything that its owner may do"]}
"""A key without `role_descriptors`."""


@dataclass(frozen=True, slots=True)
class Own:
    """Who we are to Elasticsearch, and what we may do."""

    who: str
    """In words, such as `API key oversight-shipper-default`."""
    part: str
    """The part whose privileges fit best."""
    more: tuple[str, ...]
    """Privileges that this part does not need, each with the place."""


def own_privileges(es: Elasticsearch, namespace: str) -> Own | None:
    """What we may do, beside the part that it fits best; None: the engine has no security, or does not say."""
    answer = call(es, "GET", "/_security/_authenticate", allow=(*NO_SECURITY, 401, 403))
    if answer.status != 200:
        return None
    held = _of_key(es, answer.body["api_key"]["id"]) if "api_key" in answer.body else _of_user(es)
    if held is None:
        return None
    found = {name: _beyond(part, namespace, held) for name, part in PARTS.items()}
    nearest = min(found, key=lambda name: (len(found[name]), -_share(PARTS[name], namespace, held)))
    return Own(_who(answer.body), nearest, tuple(found[nearest]))


def _who(body: Mapping[str, Any]) -> str:
    key = body.get("api_key")
    return f"user {body.get('username', '?')}" if key is None else f"API key {key.get('name') or key['id']}"


def _of_key(es: Elasticsearch, key_id: str) -> list[dict[str, Any]] | None:
    answer = call(es, "GET", "/_security/api_key", params={"id": key_id}, allow=(*NO_SECURITY, 403))
    if answer.status != 200 or not answer.body["api_keys"]:
        return None
    return [
        normal_privileges(role) for role in (answer.body["api_keys"][0].get("role_descriptors") or {}).values()
    ] or [_UNLIMITED]


def _of_user(es: Elasticsearch) -> list[dict[str, Any]] | None:
    answer = call(es, "GET", "/_security/user/_privileges", allow=(*NO_SECURITY, 403))
    return [normal_privileges(answer.body)] if answer.status == 200 else None


def _beyond(part: Part, namespace: str, held: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is held and not in a part's table, each once."""
    wanted = normal_privileges(privileges(part, namespace))
    return list(dict.fromkeys(one for role in held for one in _listed(role) if one not in set(_listed(wanted))))


def _share(part: Part, namespace: str, held: Iterable[Mapping[str, Any]]) -> int:
    """How much of what is held a part needs."""
    wanted = set(_listed(normal_privileges(privileges(part, namespace))))
    return sum(one in wanted for role in held for one in _listed(role))


def _listed(role: Mapping[str, Any]) -> list[str]:
    found = [*role.get("unlimited", ())]
    found += [f"{name} on the cluster" for name in role.get("cluster", ())]
    for grant in role.get("indices", ()):
        found += [f"{name} on {index}" for index in grant["names"] for name in grant["privileges"]]
    for grant in role.get("applications", ()):
        found += [f"{name} in {grant['application']}" for name in grant["privileges"]]
    found += [f"run as {name}" for name in role.get("run_as", ())]
    return found + [kind for kind in ("global", "remote_indices", "remote_cluster") if role.get(kind)]
