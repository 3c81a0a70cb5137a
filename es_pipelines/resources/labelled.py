"""Pipelines, templates and roles: they carry our label in their body, and are overwritten as a whole.

Someone who may not manage security sees no roles here: then they are left out, and `provision` says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.datasets import suffix
from contract.documents.fields import DEFAULT_PIPELINE, FINAL_PIPELINE
from es_pipelines.cluster import normal
from es_pipelines.cluster.ownership import Mark, describe, digest, from_description, from_meta, meta
from es_pipelines.cluster.requests import call
from es_pipelines.definition.pipeline_files import processors_of
from es_pipelines.resources.kind import Change, Installation, Kind, Need, Resource, Standing, shared_names
from es_pipelines.resources.stored import COMPONENT_TEMPLATES, INDEX_TEMPLATES, PIPELINES, ROLES, Stored
from es_pipelines.security.roles import normal_privileges


class Marked(Kind):
    """A resource that is overwritten as a whole, with our label."""

    def find(self, stored: Stored, names: Collection[str]) -> list[Standing]:
        """Everything with these names, and what else has our form without another dataset's label."""
        end, shared = f"-{suffix(stored.namespace, stored.dataset)}", shared_names(stored.namespace)
        found = [
            self._standing(name, body)
            for name, body in stored.labelled[self.path].items()
            if name in shared or (name.startswith("oversight-") and name.endswith(end))
        ]
        return [one for one in found if one.name in (*names, *shared) or self._is_of(one.mark, stored.dataset)]

    def _is_of(self, mark: Mark | None, dataset: str) -> bool:
        """Whether a label does not name another dataset: `oversight-router-river-lab` ends like those of `lab`."""
        return mark is None or mark.dataset == dataset

    def _standing(self, name: str, body: Mapping[str, Any]) -> Standing:
        return Standing(self.name, name, self.normal(body), self.label(body))

    def label(self, body: Mapping[str, Any]) -> Mark | None:
        """The label in a body that the engine returned."""
        return from_meta(body.get("_meta")) or from_description(body.get("description"))

    def write(self, es: Elasticsearch, step: Change, wanted: Resource, installation: Installation) -> Change:
        """Overwrite the whole."""
        mark = installation.mark(wanted.name, digest(self.normal(wanted.body)))
        call(es, "PUT", self.location(wanted.name), self.marked(wanted.body, mark, installation))
        return step

    def marked(self, body: dict[str, Any], mark: Mark, installation: Installation) -> dict[str, Any]:
        """The body as it is written."""
        return {**body, "_meta": {**body.get("_meta", {}), **meta(mark)}}

    def stranger(self, standing: Standing, installation: Installation) -> str:
        """Our label names the installation. `managed_by` alone is no proof, because anyone may write it."""
        named = standing.mark is not None and standing.mark.namespace
        return super().stranger(standing if named else replace(standing, mark=None), installation)


class Pipeline(Marked):
    """An ingest pipeline."""

    name = "pipeline"
    path = PIPELINES
    needs = (Need("manage_ingest_pipelines", "PUT _ingest/pipeline/*"),)

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Without our label and the engine's own keys."""
        return normal.pipeline(body)

    def marked(self, body: dict[str, Any], mark: Mark, installation: Installation) -> dict[str, Any]:
        """The label is in `_meta` if the engine accepts it there, otherwise at the end of the description."""
        if installation.pipeline_meta:
            return super().marked(body, mark, installation)
        return {**body, "description": describe(body["description"], mark)}

    def references(self, body: Mapping[str, Any]) -> set[str]:
        """The pipelines that it calls."""
        calls = [options for kind, options in processors_of(body) if kind == "pipeline"]
        return {str(options["name"]) for options in calls if "name" in options}


class Template(Marked):
    """What new indices get."""

    def references(self, body: Mapping[str, Any]) -> set[str]:
        """The component templates that it is made of, and the pipelines of its indices."""
        settings = (body.get("template") or {}).get("settings") or {}
        pipelines = {str(settings[key]) for key in (DEFAULT_PIPELINE, FINAL_PIPELINE) if key in settings}
        return {*map(str, body.get("composed_of", [])), *pipelines}


class ComponentTemplate(Template):
    """A component template."""

    name = "component template"
    path = COMPONENT_TEMPLATES
    needs = (Need("manage_index_templates", "PUT _component_template/*"),)

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Without our label and the engine's own keys."""
        return normal.component_template(body)


class IndexTemplate(Template):
    """An index template."""

    name = "index template"
    path = INDEX_TEMPLATES
    needs = (Need("manage_index_templates", "PUT _index_template/*"),)

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Without our label and the engine's own keys."""
        return normal.index_template(body)


class Role(Marked):
    """What one part may do (`es_pipelines.security.roles`), for people and for Kibana."""

    name = "role"
    path = ROLES
    needs = (Need("manage_security", "PUT _security/role/*"),)

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What it allows, and its description."""
        return {"description": body.get("description", ""), **normal_privileges(dict(body))}

    def label(self, body: Mapping[str, Any]) -> Mark | None:
        """Elasticsearch keeps notes on a role in `metadata`."""
        return from_meta(body.get("metadata"))

    def marked(self, body: dict[str, Any], mark: Mark, installation: Installation) -> dict[str, Any]:
        """The body as it is written."""
        return {**body, "metadata": meta(mark)}
