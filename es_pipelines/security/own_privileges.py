"""Compare the privileges of our own key or user with those that each part needs.

    GET _security/_authenticate ─┬─ API key ─▶ GET _security/api_key?id=its own ─┐
                                 └─ user    ─▶ GET _security/user/_privileges ───┴─▶ compared with each part

A key or a user needs no privilege to ask about itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.datasets import CONNECTION
from es_pipelines.cluster.requests import NO_SECURITY, call
from es_pipelines.security.roles import PARTS, normal_privileges, privileges

_UNLIMITED = {"unlimited": ["everything that its owner may do"]}
"""A key without `role_descriptors`."""


@dataclass(frozen=True, slots=True)
class OwnPrivileges:
    """Who we are to Elasticsearch, and our privileges."""

    who: str
    """In words, such as `API key oversight-shipper-default`."""
    part: str
    """The part whose privileges fit best."""
    more: tuple[str, ...]
    """Privileges that this part does not need, each with its place."""


def own_privileges(es: Elasticsearch, namespace: str, dataset: str = CONNECTION) -> OwnPrivileges | None:
    """Our privileges, compared with the part that fits best; None if the engine has no security or does not say."""
    response = call(es, "GET", "/_security/_authenticate", allow=(*NO_SECURITY, 401, 403))
    if response.status != 200:
        return None
    held = _of_key(es, response.body["api_key"]["id"]) if "api_key" in response.body else _of_user(es)
    if held is None:
        return None
    ours = [privilege for role in held for privilege in _listed(role)]
    needed = {
        name: set(_listed(normal_privileges(privileges(part, namespace, dataset)))) for name, part in PARTS.items()
    }
    more = {name: dict.fromkeys(one for one in ours if one not in needed[name]) for name in PARTS}
    nearest = min(
        PARTS, key=lambda name: (len(more[name]), -sum(one in needed[name] for one in ours), len(needed[name]))
    )
    return OwnPrivileges(_who(response.body), nearest, tuple(more[nearest]))


def _who(body: Mapping[str, Any]) -> str:
    key = body.get("api_key")
    return f"user {body.get('username', '?')}" if key is None else f"API key {key.get('name') or key['id']}"


def _of_key(es: Elasticsearch, key_id: str) -> list[dict[str, Any]] | None:
    response = call(es, "GET", "/_security/api_key", params={"id": key_id}, allow=(*NO_SECURITY, 403))
    if response.status != 200 or not response.body["api_keys"]:
        return None
    return [
        normal_privileges(role) for role in (response.body["api_keys"][0].get("role_descriptors") or {}).values()
    ] or [_UNLIMITED]


def _of_user(es: Elasticsearch) -> list[dict[str, Any]] | None:
    response = call(es, "GET", "/_security/user/_privileges", allow=(*NO_SECURITY, 403))
    return [normal_privileges(response.body)] if response.status == 200 else None


def _listed(role: Mapping[str, Any]) -> list[str]:
    texts = [*role.get("unlimited", ())]
    texts += [f"{name} on the cluster" for name in role.get("cluster", ())]
    for grant in role.get("indices", ()):
        texts += [f"{name} on {index}" for index in grant["names"] for name in grant["privileges"]]
    for grant in role.get("applications", ()):
        texts += [f"{name} in {grant['application']}" for name in grant["privileges"]]
    texts += [f"run as {name}" for name in role.get("run_as", ())]
    return texts + [kind for kind in ("global", "remote_indices", "remote_cluster") if role.get(kind)]
