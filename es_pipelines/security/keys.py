"""API keys, one for each part: made, brought up to date, invalidated.

    PARTS ──▶ POST _security/api_key {role_descriptors} ─▶ id and secret, told once
                                                    └────▶ may it do what its part does? else who made it may not either

A key can never do more than whoever made it could at that moment: Elasticsearch says so and says nothing when it is
less. So a new key is asked at once what it may do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from elasticsearch import ApiError, Elasticsearch

from contract.distribution import own_version
from contract.errors import SettingsError
from es_pipelines.cluster.ownership import Mark, from_meta, meta
from es_pipelines.cluster.requests import call, error_of
from es_pipelines.security.roles import PARTS, Part, normal_privileges, privileges, role_name

NO_SECURITY = (400, 404, 405, 500, 501)
"""Answers to `_security` of an engine that has none, or where it is off."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key that is valid, without its secret."""

    id: str
    part: str
    made: datetime
    expires: datetime | None
    privileges: Mapping[str, Any]
    """In normal form."""

    @property
    def until(self) -> str:
        """Until when it is valid, in words."""
        return "valid until it is rotated" if self.expires is None else f"valid until {self.expires:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class Secret:
    """A new key as Elasticsearch tells it, once."""

    id: str
    encoded: str
    """As clients take it: base64 of `id:secret`."""


def may_manage(es: Elasticsearch) -> bool | None:
    """Whether we may write roles and make keys for others; None: the engine has no security, or it is off."""
    body = {"cluster": ["manage_security"]}
    answer = call(es, "POST", "/_security/user/_has_privileges", body, allow=NO_SECURITY)
    return bool(answer.body["has_all_requested"]) if answer.status == 200 else None


def valid_keys(es: Elasticsearch, namespace: str) -> dict[str, list[Key]]:
    """The keys of an installation that somebody may be using, by part, oldest first; none where we may not look."""
    found: dict[str, list[Key]] = {part: [] for part in PARTS}
    for part, keys in found.items():
        params = {"name": role_name(part, namespace), "active_only": "true"}
        answer = call(es, "GET", "/_security/api_key", params=params, allow=(*NO_SECURITY, 403))
        if answer.status != 200:
            return found
        keys += [_key(part, one) for one in answer.body["api_keys"] if _is_ours(one, namespace)]
        keys.sort(key=lambda key: key.made)
    return found


def make_key(es: Elasticsearch, part: Part, namespace: str, *, expiration: str | None = None) -> Secret:
    """A new key for a part.

    Args:
        es: a client of somebody who may make keys and do all that the key shall do.
        part: whose key.
        namespace: the installation.
        expiration: time that it is valid, as Elasticsearch writes it (`90d`); None: until it is invalidated.
    Raises:
        SettingsError: it could not be made, or could do less than its part needs; then it is invalidated again.
    """
    body: dict[str, Any] = {
        "name": role_name(part.name, namespace),
        "role_descriptors": {role_name(part.name, namespace): privileges(part, namespace)},
        "metadata": meta(Mark(namespace, "", own_version())),
    }
    body |= {"expiration": expiration} if expiration else {}
    answer = call(es, "POST", "/_security/api_key", body, params={"refresh": "true"}, allow=(400,))
    if answer.status == 400:
        raise SettingsError(
            f"Elasticsearch did not create an API key for the {part.name} ({error_of(answer.body)[1]}); sign in with "
            "ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD (an API key cannot create API keys), and "
            "write an expiry such as 90d"
        )
    secret = Secret(answer.body["id"], answer.body["encoded"])
    try:
        missing = lacking(es.options(api_key=secret.encoded), part, namespace)
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


def lacking(es: Elasticsearch, part: Part, namespace: str) -> list[str]:
    """What a client may not do of what a part does, each with the call that needs it; empty where it may do all."""
    wanted = privileges(part, namespace)
    body = {"cluster": wanted["cluster"], "index": wanted["indices"]}
    answer = call(es, "POST", "/_security/user/_has_privileges", body).body
    missing = [
        f"{name} ({does})" for name, does in part.cluster.items() if not answer.get("cluster", {}).get(name, False)
    ]
    for grant in part.grants:
        index = grant.index(namespace)
        held = answer.get("index", {}).get(index, {})
        missing += [f"{name} on {index} ({does})" for name, does in grant.privileges.items() if not held.get(name)]
    return missing


def bring_up_to_date(es: Elasticsearch, key: Key, namespace: str) -> bool:
    """Give a key what its part needs in this version, its secret unchanged; whether anything was written.

    Raises:
        SettingsError: somebody else made it.
    """
    part = PARTS[key.part]
    wanted = privileges(part, namespace)
    if key.privileges == normal_privileges(wanted):
        return False
    body = {
        "role_descriptors": {role_name(key.part, namespace): wanted},
        "metadata": meta(Mark(namespace, "", own_version())),
    }
    if call(es, "PUT", f"/_security/api_key/{key.id}", body, allow=(404,)).status == 404:
        raise SettingsError(
            f"the {key.part}'s key {key.id} needs other privileges in this version, and only the user who "
            "created it can change it; "
            f"sign in as that user, or create a new key with --rotate-keys"
        )
    return True


def invalidate(es: Elasticsearch, ids: Sequence[str]) -> None:
    """End keys for good."""
    if ids:
        call(es, "DELETE", "/_security/api_key", {"ids": list(ids)}, allow=(404,))


def _is_ours(listed: Mapping[str, Any], namespace: str) -> bool:
    mark = from_meta(listed.get("metadata"))
    return mark is not None and mark.namespace == namespace and not listed.get("invalidated", False)


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
