"""Create, update and invalidate API keys, one for each part.

    PARTS ──▶ POST _security/api_key {role_descriptors} ─▶ id and secret, returned once
                                                    └────▶ are all its privileges there? if not, its owner lacks them

A key can never do more than its owner could when it was created. Elasticsearch does not report an error if that is
less than asked for. So the privileges of a new key are checked at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from contract.distribution import own_version
from contract.documents.datasets import CONNECTION
from contract.errors import SettingsError
from es_pipelines.cluster.ownership import Mark, from_meta, meta
from es_pipelines.cluster.requests import NO_SECURITY, call, error_of
from es_pipelines.security.roles import PARTS, Part, normal_privileges, privileges, role_name


@dataclass(frozen=True, slots=True)
class Key:
    """A valid API key, without its secret."""

    id: str
    part: str
    made: datetime
    expires: datetime | None
    privileges: Mapping[str, Any]
    """In normal form."""

    @property
    def until(self) -> str:
        """How long it is valid, in words."""
        return "valid until it is rotated" if self.expires is None else f"valid until {self.expires:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Secret:
    """A new key. Elasticsearch returns the secret only once."""

    id: str
    encoded: str
    """In the form that clients send: base64 of `id:secret`."""


def valid_keys(es: Elasticsearch, namespace: str, dataset: str = CONNECTION) -> dict[str, list[Key]]:
    """The valid keys of a dataset by part, oldest first; empty if we may not list keys."""
    keys_of: dict[str, list[Key]] = {part: [] for part in PARTS}
    for part, keys in keys_of.items():
        params = {"name": role_name(part, namespace, dataset), "active_only": "true"}
        response = call(es, "GET", "/_security/api_key", params=params, allow=(*NO_SECURITY, 403))
        if response.status != 200:
            return keys_of
        keys += [_key(part, listed) for listed in response.body["api_keys"] if _is_ours(listed, namespace, dataset)]
        keys.sort(key=lambda key: key.made)
    return keys_of


def make_key(
    es: Elasticsearch, part: Part, namespace: str, dataset: str = CONNECTION, *, expiration: str | None = None
) -> Secret:
    """Create a key for a part.

    Args:
        es: a client whose user may create keys and has all privileges of the new key.
        part: the part that will use it.
        namespace: the installation.
        dataset: the only dataset that the key can read or write.
        expiration: validity in Elasticsearch's notation (`90d`); None: until it is invalidated.
    Raises:
        SettingsError: the key could not be created, or lacks privileges; then it is invalidated again.
    """
    name = role_name(part.name, namespace, dataset)
    body: dict[str, Any] = {
        "name": name,
        "role_descriptors": {name: privileges(part, namespace, dataset)},
        "metadata": meta(Mark(namespace, "", own_version(), dataset=dataset)),
    }
    body |= {"expiration": expiration} if expiration else {}
    response = call(es, "POST", "/_security/api_key", body, params={"refresh": "true"}, allow=(400,))
    if response.status == 400:
        raise SettingsError(
            f"Elasticsearch did not create an API key for the {part.name} ({error_of(response.body)[1]}); sign in with "
            "ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD (an API key cannot create API keys), and "
            "write an expiry such as 90d"
        )
    secret = Secret(response.body["id"], response.body["encoded"])
    try:
        missing = missing_privileges(es.options(api_key=secret.encoded), part, namespace, dataset)
        if missing:
            raise SettingsError(
                f"the {part.name}'s key lacks privileges that it needs, because the user who created it lacks "
                f"them: {', '.join(missing)}; "
                f"sign in as a user who has them (such as `elastic`), and run it again"
            )
    except (SettingsError, ApiError):
        invalidate(es, [secret.id])
        raise
    return secret


def missing_privileges(es: Elasticsearch, part: Part, namespace: str, dataset: str = CONNECTION) -> list[str]:
    """The privileges that a client lacks for a part, each with the call that needs it; empty if it has all."""
    wanted = privileges(part, namespace, dataset)
    body = {"cluster": wanted["cluster"], "index": wanted["indices"]}
    response = call(es, "POST", "/_security/user/_has_privileges", body).body
    missing = [
        f"{name} ({does})" for name, does in part.cluster.items() if not response.get("cluster", {}).get(name, False)
    ]
    for grant in part.grants:
        index = grant.index(namespace, dataset)
        held = response.get("index", {}).get(index, {})
        missing += [f"{name} on {index} ({does})" for name, does in grant.privileges.items() if not held.get(name)]
    return missing


def update_privileges(es: Elasticsearch, key: Key, namespace: str, dataset: str = CONNECTION) -> bool:
    """Give a key the privileges that its part needs in this version, with the same secret. Returns whether it changed.

    Raises:
        SettingsError: another user created the key.
    """
    part = PARTS[key.part]
    wanted = privileges(part, namespace, dataset)
    if key.privileges == normal_privileges(wanted):
        return False
    body = {
        "role_descriptors": {role_name(key.part, namespace, dataset): wanted},
        "metadata": meta(Mark(namespace, "", own_version(), dataset=dataset)),
    }
    if call(es, "PUT", f"/_security/api_key/{key.id}", body, allow=(404,)).status == 404:
        raise SettingsError(
            f"the {key.part}'s key {key.id} needs other privileges in this version, and only the user who "
            "created it can change it; "
            f"sign in as that user, or create a new key with --rotate-keys"
        )
    return True


def invalidate(es: Elasticsearch, ids: Sequence[str]) -> None:
    """Invalidate keys."""
    if ids:
        call(es, "DELETE", "/_security/api_key", {"ids": list(ids)}, allow=(404,))


def _is_ours(listed: Mapping[str, Any], namespace: str, dataset: str) -> bool:
    mark = from_meta(listed.get("metadata"))
    return (
        mark is not None
        and (mark.namespace, mark.dataset) == (namespace, dataset)
        and not listed.get("invalidated", False)
    )


def _key(part: str, listed: Mapping[str, Any]) -> Key:
    descriptors: Collection[dict[str, Any]] = (listed.get("role_descriptors") or {}).values()
    expires = listed.get("expiration")
    return Key(
        str(listed["id"]),
        part,
        datetime.fromtimestamp(listed["creation"] / 1000, UTC),
        None if expires is None else datetime.fromtimestamp(expires / 1000, UTC),
        normal_privileges(next(iter(descriptors), {})),
    )
