"""API keys: the secrets of an installation's parts. Only `--keys` creates them, so no plan wants one; a removal
invalidates them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from es_pipelines.cluster.ownership import Mark
from es_pipelines.resources.kind import Change, Installation, Kind, Resource, Standing
from es_pipelines.resources.stored import Stored
from es_pipelines.security.keys import invalidate
from es_pipelines.security.roles import normal_privileges, role_name


class ApiKey(Kind):
    """A valid API key of the dataset; it is named by its part and its id."""

    name = "API key"

    def find(self, stored: Stored, names: Collection[str]) -> list[Standing]:
        """Every valid key of the dataset, whoever holds it."""
        mark = Mark(stored.namespace, "", "0", dataset=stored.dataset)
        return [
            Standing(self.name, f"{role_name(part, stored.namespace, stored.dataset)} {key.id}", key.privileges, mark)
            for part, keys in stored.keys.items()
            for key in keys
        ]

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What it allows."""
        return normal_privileges(dict(body))

    def write(self, es: Elasticsearch, step: Change, wanted: Resource, installation: Installation) -> Change:
        """No plan creates a key: its secret needs a file."""
        raise NotImplementedError("API keys are created by es_pipelines.security.key_files")

    def delete(self, es: Elasticsearch, step: Change, installation: Installation) -> None:
        """Invalidate it."""
        invalidate(es, [step.name.rsplit(" ", 1)[-1]])
