"""Pipelines and templates: they carry our label in their body, and are overwritten as a whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from elasticsearch import Elasticsearch

from contract.documents.fields import DEFAULT_PIPELINE, FINAL_PIPELINE
from es_pipelines.cluster import normal
from es_pipelines.cluster.ownership import Mark, describe, digest, from_description, from_meta, meta
from es_pipelines.cluster.requests import call
from es_pipelines.resources.kind import Change, Installation, Kind, Need, Standing
from es_pipelines.resources.stored import COMPONENT_TEMPLATES, INDEX_TEMPLATES, PIPELINES, Stored

NOT_FOUND = (404,)


class Marked(Kind):
    """A resource that is read, written and deleted under one path."""

    path: str
    normal_form: Callable[[Mapping[str, Any]], dict[str, Any]]

    def find(self, stored: Stored, names: Collection[str]) -> list[Standing]:
        """Everything whose name has our form; `names` always have it."""
        end = f"-{stored.namespace}"
        return [
            self._standing(name, body)
            for name, body in stored.labelled[self.path].items()
            if name.startswith("oversight-") and name.endswith(end)
        ]

    def _standing(self, name: str, body: Mapping[str, Any]) -> Standing:
        mark = from_meta(body.get("_meta")) or from_description(body.get("description"))
        return Standing(self.name, name, self.normal(body), mark)

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Without our label and the engine's own keys."""
        return type(self).normal_form(body)

    def write(self, es: Elasticsearch, step: Change, installation: Installation) -> Change:
        """Overwrite the whole."""
        if step.wanted is not None:
            body = step.wanted.body
            mark = Mark(installation.namespace, digest(self.normal(body)), installation.version, step.name)
            call(es, "PUT", f"{self.path}/{step.name}", self.marked(body, mark, installation))
        return step

    def marked(self, body: dict[str, Any], mark: Mark, installation: Installation) -> dict[str, Any]:
        """The body as it is written."""
        return {**body, "_meta": {**body.get("_meta", {}), **meta(mark)}}

    def stranger(self, standing: Standing, installation: Installation) -> str:
        """Our label names the installation; anybody may write `managed_by` alone."""
        named = standing.mark is not None and standing.mark.namespace
        return super().stranger(standing if named else replace(standing, mark=None), installation)

    def delete(self, es: Elasticsearch, step: Change, installation: Installation) -> None:
        """Delete it."""
        call(es, "DELETE", f"{self.path}/{step.name}", allow=NOT_FOUND)

    def how_to_look(self, name: str) -> str:
        """Its path without the first slash, as Kibana's console takes it."""
        return f"{self.path[1:]}/{name}"


class Pipeline(Marked):
    """An ingest pipeline."""

    name = "pipeline"
    path = PIPELINES
    normal_form = staticmethod(normal.pipeline)
    needs = (Need("manage_ingest_pipelines", "PUT _ingest/pipeline/*"),)

    def marked(self, body: dict[str, Any], mark: Mark, installation: Installation) -> dict[str, Any]:
        """In `_meta` where the engine accepts it, else at the end of the description."""
        if installation.pipeline_meta:
            return super().marked(body, mark, installation)
        return {**body, "description": describe(body["description"], mark)}

    def references(self, body: Mapping[str, Any]) -> set[str]:
        """The pipelines that it calls."""
        found: set[str] = set()
        for options in _processors([*body.get("processors", []), *body.get("on_failure", [])]):
            found |= {str(options["pipeline"]["name"])} if "name" in (options.get("pipeline") or {}) else set()
        return found


def _processors(listed: Collection[Any]) -> Iterator[Mapping[str, Any]]:
    """Every processor below a list, each as `{kind: options}`."""
    for processor in listed:
        if isinstance(processor, Mapping):
            yield processor
            for options in processor.values():
                if isinstance(options, Mapping):
                    yield from _processors(options.get("on_failure") or [])
                    inner = options.get("processor")
                    yield from _processors([inner] if inner else [])


class ComponentTemplate(Marked):
    """A component template."""

    name = "component template"
    path = COMPONENT_TEMPLATES
    normal_form = staticmethod(normal.component_template)
    needs = (Need("manage_index_templates", "PUT _component_template/*"),)

    def references(self, body: Mapping[str, Any]) -> set[str]:
        """The pipelines of its indices."""
        return _pipelines_of(body)


class IndexTemplate(Marked):
    """An index template."""

    name = "index template"
    path = INDEX_TEMPLATES
    normal_form = staticmethod(normal.index_template)
    needs = (Need("manage_index_templates", "PUT _index_template/*"),)

    def references(self, body: Mapping[str, Any]) -> set[str]:
        """The component templates that it is made of, and the pipelines of its indices."""
        return {*map(str, body.get("composed_of", [])), *_pipelines_of(body)}


def _pipelines_of(body: Mapping[str, Any]) -> set[str]:
    settings = (body.get("template") or {}).get("settings") or {}
    return {str(settings[key]) for key in (DEFAULT_PIPELINE, FINAL_PIPELINE) if key in settings}
