"""The data stream that holds the events, or a plain index if the engine has no data streams.

    Target: data stream | index | alias ──▶ template, pipelines and mapping of the index that is written to

Templates apply to new indices only, so the current write index is compared by itself. A missing field is added to its
mapping in place. The type of a field cannot change, so then the data stream continues in a new index.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from elasticsearch import BadRequestError, Elasticsearch, NotFoundError

from contract import hints
from contract.documents.datasets import resource_name
from contract.documents.fields import DEFAULT_PIPELINE, FINAL_PIPELINE, NO_PIPELINE
from contract.documents.heartbeats import heartbeat_index
from contract.errors import InputError
from es_pipelines.cluster import normal
from es_pipelines.cluster.ownership import Mark, from_meta
from es_pipelines.cluster.requests import call, error_of
from es_pipelines.cluster.stored_documents import held
from es_pipelines.resources.kind import Action, Change, Installation, Kind, Need, Resource, Standing
from es_pipelines.resources.stored import Stored, Target

BLOCKS = ("read_only_allow_delete", "read_only", "write")
"""Blocks that stop writes to an index."""
PIPELINES = (DEFAULT_PIPELINE, FINAL_PIPELINE)
"""Settings that name the pipelines of a write; older indices of a stream need them for updates."""
NONE = (None, NO_PIPELINE)
"""No pipeline."""
IN_PLACE = ("ignore_above", "ignore_malformed")
"""Options that can be changed on a field that is already mapped."""


class Live(Kind):
    """A data stream or an index that documents are written to."""

    mapping_options: ClassVar[Mapping[str, str] | None] = None
    """Query parameters of a change of the mapping."""

    def find(self, stored: Stored, names: Collection[str]) -> list[Standing]:
        """Everything with these names, also if it is of another kind."""
        return [self._standing(stored.targets[name], stored) for name in names if stored.targets[name].kind]

    def _standing(self, target: Target, stored: Stored) -> Standing:
        if target.stream:
            return self._stream(target, target.stream, stored)
        if target.kind == "index":
            body = target.indices[target.name]
            mark = from_meta(body.get("mappings", {}).get("_meta"))
            return Standing(self.name, target.name, _body("index", body), mark)
        return Standing(self.name, target.name, {"is": "alias"}, None)

    def _stream(self, target: Target, stream: Mapping[str, Any], stored: Stored) -> Standing:
        *before, index = [str(index["index_name"]) for index in stream["indices"]]
        template = stream.get("template")
        failures = (stream.get("failure_store") or {}).get("indices", [])
        body = {
            **_body("data stream", target.indices.get(index, {})),
            "template": template,
            "failures": [str(one["index_name"]) for one in failures],
            "older": {name: _pipelines_of(target.indices[name]) for name in before if name in target.indices},
        }
        ours = resource_name("stream", stored.namespace, stored.dataset)
        mark = Mark(stored.namespace, "", "", dataset=stored.dataset) if template == ours else None
        return Standing(self.name, target.name, body, mark)

    def normal(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Flat settings, and the mapping in plain values."""
        return {"settings": normal.settings(body["settings"]), "mappings": normal.plain(body["mappings"])}

    def references(self, body: Mapping[str, Any]) -> set[str]:
        """The template that it was created from, and its pipelines."""
        pipelines = [body.get("settings", {}).get(name) for name in PIPELINES]
        return {str(name) for name in (body.get("template"), *pipelines) if name not in NONE}

    def stranger(self, standing: Standing, installation: Installation) -> str:
        """It must be of this kind, and created from our template."""
        found = standing.body["is"]
        if found != self.name:
            article = "an" if found[0] in "ai" else "a"
            return (
                f"{article} {found} exists where the {self.name} should be; "
                f"delete it, or choose another OVERSIGHT_NAMESPACE"
            )
        if standing.mark is None:
            made = standing.body.get("template")
            return (
                "it was made "
                f"{f'from the template {made!r}' if made else 'without the template of Oversight'}, perhaps by a "
                f"shipper before the first {hints.run('provision')}; copy what you need out of it and delete "
                "it, or choose another "
                f"OVERSIGHT_NAMESPACE"
            )
        return super().stranger(standing, installation)

    def judge(self, wanted: Resource, standing: Standing | None, installation: Installation) -> Change:
        """Decide as for any kind, and whether the mapping can change in place."""
        step = Change(wanted.kind, wanted.name, Action.CREATE, wanted=wanted, standing=standing)
        if standing is None:
            return step
        stranger = self.stranger(standing, installation)
        if stranger:
            return step.because(Action.FOREIGN, stranger)
        blocked = [f"index.blocks.{name}" for name in BLOCKS if standing.body["settings"].get(f"index.blocks.{name}")]
        if blocked:
            return step.because(Action.BLOCKED, _lift(blocked, wanted.name))
        target = self.normal(wanted.body)
        stands = _projected(standing.body, target)
        older = _without_guard(standing, target["settings"])
        if stands == target and not older:
            return replace(step, action=Action.UNCHANGED)
        step = replace(step, changes=({**stands, **older}, target))
        edited = [
            name
            for name, value in target["settings"].items()
            if _is_edited(stands["settings"].get(name), value, target)
        ]
        if edited and not installation.force:
            reason = f"a person changed {', '.join(edited)}; --force puts it back"
            return replace(step, action=Action.KEEP, reason=reason)
        fixed = sorted(immovable(stands.get("mappings", {}).get("properties", {}), target["mappings"]["properties"]))
        if fixed:
            return self.unchangeable(step, _few(fixed))
        return replace(step, action=Action.UPDATE)

    @abstractmethod
    def unchangeable(self, step: Change, fields: str) -> Change:
        """What to do if the type of these fields cannot change."""

    def write(self, es: Elasticsearch, step: Change, wanted: Resource, installation: Installation) -> Change:
        """Create it, or bring the current write index to the state of the templates."""
        if step.action == Action.CREATE:
            self._create(es, step.name)
            return step
        target, standing = self.normal(wanted.body), step.standing
        stands = _projected(standing.body, target) if standing is not None else {}
        if stands.get("settings") != target["settings"] or (standing and _without_guard(standing, target["settings"])):
            call(es, "PUT", f"/{step.name}/_settings", target["settings"])
        if step.action == Action.ROLL_OVER:
            return self.roll_over(es, step)
        try:
            mapping = {**target["mappings"], "_meta": wanted.body["mappings"]["_meta"]}  # its names stay as written
            call(es, "PUT", f"/{step.name}/_mapping", mapping, params=self.mapping_options)
        except BadRequestError as error:
            return self.roll_over(es, step.because(Action.ROLL_OVER, error_of(error.body)[1]))
        return step

    def _create(self, es: Elasticsearch, name: str) -> None:
        """Create it from the templates, before the first event; no error if someone else did so at this moment."""
        try:
            call(es, "PUT", self.location(name))
        except BadRequestError as error:
            if error_of(error.body)[0] != "resource_already_exists_exception":
                raise

    def delete(self, es: Elasticsearch, step: Change, installation: Installation) -> None:
        """Delete it with its documents. Counts them again, because some may have arrived after the plan.

        Raises:
            InputError: it holds documents now, and `--with-data` was not given.
        """
        keep = not installation.with_data and step.name != heartbeat_index(installation.namespace)
        if keep and step.standing is not None:
            try:
                reason = held(es, step.name, step.standing.body.get("failures", ()))
            except NotFoundError:
                return
            if reason:
                raise InputError(
                    f"{step.kind} {step.name} was empty and is no longer: {reason}; run it again to see what stays"
                )
        super().delete(es, step, installation)

    @abstractmethod
    def roll_over(self, es: Elasticsearch, step: Change) -> Change:
        """Continue in a new index."""


class DataStream(Live):
    """The data stream of an installation."""

    name = "data stream"
    path = "/_data_stream"
    mapping_options: ClassVar = {"write_index_only": "true"}  # older indices keep their mapping
    needs = (
        Need("create_index", "PUT _data_stream/*", index="$stream"),
        Need("view_index_metadata", "GET _data_stream/*", index="$stream"),
        Need("manage", "PUT */_mapping, PUT */_settings, POST */_rollover", index="$stream"),
    )

    def unchangeable(self, step: Change, fields: str) -> Change:
        """The stream continues in a new index, and older events stay searchable."""
        reason = (
            f"{fields} cannot change in place: the stream continues in a new index, and older events stay as they are"
        )
        return replace(step, action=Action.ROLL_OVER, reason=reason)

    def roll_over(self, es: Elasticsearch, step: Change) -> Change:
        """Continue in a new index."""
        call(es, "POST", f"/{step.name}/_rollover")
        return step


class PlainIndex(Live):
    """A plain index: heartbeats, alerts, and events where the engine has no data streams."""

    name = "index"
    needs = (
        Need("create_index", "PUT the index", index="$stream"),
        Need("manage", "PUT */_mapping, PUT */_settings", index="$stream"),
    )

    def unchangeable(self, step: Change, fields: str) -> Change:
        """A plain index would have to be created again, so the run stops."""
        reason = (
            f"{fields} cannot change in place, and a plain index cannot roll over; "
            f"choose another OVERSIGHT_NAMESPACE, or delete the index ({hints.run('provision --remove --with-data')})"
        )
        return replace(step, action=Action.BLOCKED, reason=reason)

    def roll_over(self, es: Elasticsearch, step: Change) -> Change:
        """Not possible.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"index {step.name} refuses the new mapping ({step.reason}), and a plain index cannot roll over; "
            f"choose another OVERSIGHT_NAMESPACE, or delete the index"
        )


def _pipelines_of(index: Mapping[str, Any]) -> dict[str, Any]:
    """The pipelines that an index has in its settings."""
    settings = normal.settings(index.get("settings", {}))
    return {name: settings[name] for name in PIPELINES if name in settings}


def _without_guard(standing: Standing, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Older indices of a stream that have other pipelines than wanted: updates there run through them."""
    older = standing.body.get("older", {})
    return {
        index: found for index, found in older.items() if any(found.get(name) != wanted.get(name) for name in PIPELINES)
    }


def _is_edited(stands: Any, wanted: Any, target: Mapping[str, Any]) -> bool:
    """Whether someone changed a setting: its value is not the wanted one, not unset, and not what Oversight wrote
    before.
    """
    return stands not in (wanted, None, target["settings"].get(FINAL_PIPELINE))


def immovable(stands: Mapping[str, Any], wanted: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Fields of a mapping that cannot be changed in place into what is wanted."""
    for name, target in wanted.items():
        if name not in stands:
            continue
        found, path = stands[name], f"{above}{name}"
        if ("properties" in found) != ("properties" in target):
            yield path
        elif "properties" in target:
            yield from immovable(found["properties"], target["properties"], f"{path}.")
        elif _fixed(found) != _fixed(target):
            yield path


def _fixed(field: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in field.items() if key not in IN_PLACE}


def _projected(stands: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a body with the wanted names. The options of a field are compared as a whole."""
    return {
        key: _projected(stands[key], value) if isinstance(value, Mapping) and not _is_field(value) else stands[key]
        for key, value in wanted.items()
        if key in stands
    }


def _is_field(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("type"), str)


def _body(is_a: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an index that are compared."""
    mappings = {"properties": {}, **normal.plain(body.get("mappings", {}))}
    return {"is": is_a, "settings": normal.settings(body.get("settings", {})), "mappings": mappings}


def _lift(blocks: list[str], name: str) -> str:
    """What a block on an index means, and how to remove it."""
    why = "its disk was full" if blocks[0].endswith("allow_delete") else "someone made it read-only"
    null = ", ".join(f'"{block}": null' for block in blocks)
    return f"it takes no events, because {why} ({', '.join(blocks)}); fix that, then `PUT {name}/_settings {{{null}}}`"


def _few(fields: list[str]) -> str:
    """The first three, and how many more."""
    more = len(fields) - 3
    return ", ".join(fields[:3]) + (f" and {more} more fields" if more > 0 else "")
