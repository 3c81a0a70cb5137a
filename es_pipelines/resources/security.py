"""Roles and API keys, where the engine has security.

    roles     what each part may do (`es_pipelines.security.roles`), for people and for Kibana
    API keys  the secrets of an installation's parts; made by `--keys` only, so no plan wants one, and a removal ends
    all of them

Whoever may not manage security sees none of them here: then they are left out, and `provision` says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from es_pipelines.cluster.ownership import Mark, digest, from_meta, meta
from es_pipelines.cluster.requests import call
from es_pipelines.resources.kind import Change, Installation, Kind, Need, Standing
from es_pipelines.resources.stored import Stored
from es_pipelines.security.keys import invalidate
from es_pipelines.security.roles import normal_privileges, role_name

ROLE, KEY = "role", "API key"


class Role(Kind):
    """A role, with our label in its metadata."""

    name = ROLE
    needs = (Need("manage_security", "PUT _security/role/*"),)

    def find(self, stored: Stored, names: Collection[str]) -> list[Standing]:
        """Those whose name has our form; the routes of security take no pattern."""
        begin, _, end = role_name("*", stored.namespace).partition("*")
        return [
            Standing(self.name, name, self.normal(body), from_meta(body.get("metadata")))
            for name, body in stored.roles.items()
            if name in names or (name.startswith(begin) and name.endswith(end))
        ]

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What it allows, and its description."""
        return {"description": body.get("description", ""), **normal_privileges(dict(body))}

    def write(self, es: Elasticsearch, step: Change, installation: Installation) -> Change:
        """Overwrite the whole."""
        if step.wanted is not None:
            mark = Mark(installation.namespace, digest(self.normal(step.wanted.body)), installation.version, step.name)
            call(es, "PUT", f"/_security/role/{step.name}", {**step.wanted.body, "metadata": meta(mark)})
        return step

    def delete(self, es: Elasticsearch, step: Change, installation: Installation) -> None:
        """Delete it; users who had only this role lose its privileges."""
        call(es, "DELETE", f"/_security/role/{step.name}", allow=(404,))

    def how_to_look(self, name: str) -> str:
        """The request that shows it."""
        return f"_security/role/{name}"


class ApiKey(Kind):
    """A valid API key of the installation; it is named by its part and its id."""

    name = KEY

    def find(self, stored: Stored, names: Collection[str]) -> list[Standing]:
        """Every valid key of the installation, whoever holds it."""
        mark = Mark(stored.namespace, "", "0")
        return [
            Standing(self.name, f"{role_name(part, stored.namespace)} {key.id}", key.privileges, mark)
            for part, keys in stored.keys.items()
            for key in keys
        ]

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What it allows."""
        return normal_privileges(dict(body))

    def write(self, es: Elasticsearch, step: Change, installation: Installation) -> Change:
        """No plan creates a key: its secret needs a file."""
        raise NotImplementedError("API keys are made by es_pipelines.security.key_files")

    def delete(self, es: Elasticsearch, step: Change, installation: Installation) -> None:
        """Invalidate it."""
        invalidate(es, [step.name.rsplit(" ", 1)[-1]])
