"""Data views, one for each source of the dashboards, with formats that make values readable and clickable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contract.artifact.contract import ModelContract
from contract.documents.heartbeats import FIELDS as HEARTBEAT_FIELDS
from kibana.panels.declarations import SOURCES, SavedSearch, Source
from kibana.panels.meanings import meanings_of
from kibana.panels.model_view import View
from kibana.panels.palette import SEVERITY
from kibana.saved_objects.objects import Names, SavedObject, dump

SHARES = ("oversight.prediction.probability", "oversight.prediction.novelty", "oversight.shadow.probability")
ATTACK_PAGES = ("threat.technique.reference", "threat.tactic.reference", "threat.technique.subtechnique.reference")
DOCUMENT_ID = "_id"
CONSOLE_TITLE, CONSOLE_WIDTH = "Console", 90
BYTES = ("source.bytes", "destination.bytes", "network.bytes")


def data_view_id(names: Names, source: Source) -> str:
    """Id of a source's data view."""
    return names.id("data-view", source.name)


def data_view(
    names: Names,
    source: Source,
    contract: ModelContract,
    searches: Sequence[SavedSearch],
    *,
    console_url: str | None = None,
) -> SavedObject:
    """The data view of a source.

    Args:
        names: ids and titles.
        source: which documents.
        contract: the model's contract.
        searches: the saved searches, whose column titles become the fields' labels.
        console_url: address of the console, to which the id of each event links; None: no link.
    """
    attributes, formats = _field_attributes(source, contract, searches), _formats(source, contract)
    if console_url is not None and not source.heartbeats:
        attributes[DOCUMENT_ID] = {"customLabel": CONSOLE_TITLE, "customDescription": "opens the event in the console"}
        formats[DOCUMENT_ID] = _link_to_console(console_url)
    return SavedObject(
        "index-pattern",
        data_view_id(names, source),
        {
            "title": source.index(names.namespace, names.dataset),
            "name": names.title(source.title),
            "timeFieldName": source.time_field,
            "allowHidden": False,
            "allowNoIndex": True,
            "fieldAttrs": dump(attributes),
            "fields": "[]",
            "fieldFormatMap": dump(formats),
            "runtimeFieldMap": "{}",
            "sourceFilters": "[]",
        },
    )


def _field_attributes(
    source: Source, contract: ModelContract, searches: Sequence[SavedSearch]
) -> dict[str, dict[str, str]]:
    """What Kibana shows for each field: its description, and a label if a saved search has a column for it."""
    attributes = {name: {"customDescription": text} for name, text in _descriptions(source, contract).items()}
    for name, label in _labels(source, searches).items():
        attributes[name] = attributes.get(name, {}) | {"customLabel": label}
    return attributes


def _labels(source: Source, searches: Sequence[SavedSearch]) -> dict[str, str]:
    """The titles of the columns, by field. Without a label Kibana shows the field's name, which a column cuts off."""
    labels = {each.time_field: each.time_title for each in SOURCES if each.heartbeats == source.heartbeats}
    for search in searches:
        if search.source.heartbeats == source.heartbeats:
            labels = {column.field: column.title for column in search.columns} | labels
    return labels


def _descriptions(source: Source, contract: ModelContract) -> dict[str, str]:
    """The description of each field: the meaning that the contract gives it."""
    if source.heartbeats:
        return {each.name: each.meaning for each in HEARTBEAT_FIELDS if each.kind != "object"}
    inputs = {each.field: f"the model's input {each.name}" for each in contract.features}
    return {**meanings_of(contract), **inputs}


def _formats(source: Source, contract: ModelContract) -> dict[str, Any]:
    """How values look: percentages, bytes, links, severities in colour.

    Kibana links only http, https, mailto and its own URLs, so an event cannot inject a script.
    """
    seconds = {"id": "number", "params": {"pattern": "0,0.[0]"}}
    if source.heartbeats:
        return {"watcher.oldest_pending_s": seconds}
    formats: dict[str, Any] = {name: {"id": "percent", "params": {"pattern": "0.0%"}} for name in SHARES}
    formats |= {name: {"id": "bytes"} for name in BYTES}
    link = {"type": "a", "urlTemplate": "{{rawValue}}", "labelTemplate": "{{value}}"}
    formats |= {name: {"id": "url", "params": link} for name in ATTACK_PAGES}
    measure = View(contract).measure
    if measure is not None:
        digits = f".[{'0' * measure.decimals}]" if measure.decimals else ""
        formats[measure.field] = {"id": "number", "params": {"pattern": f"0,0{digits}"}}
    duration = {"inputFormat": "nanoseconds", "outputFormat": "humanizePrecise", "outputPrecision": 2}
    return formats | {
        "oversight.prediction.delay_s": seconds,
        "event.severity": _severity(),
        "event.risk_score": {"id": "number", "params": {"pattern": "0.0"}},
        "event.duration": {"id": "duration", "params": duration},
    }


def _link_to_console(console_url: str) -> dict[str, Any]:
    """A link from the id of a document to the console, which finds an event by id alone."""
    template = f"{console_url}/?event=/{{{{value}}}}"  # Kibana percent-encodes `value`
    return {
        "id": "url",
        "params": {"type": "a", "urlTemplate": template, "labelTemplate": "Open", "openLinkInCurrentTab": False},
    }


def _severity() -> dict[str, Any]:
    """Colours of Elastic Security's four severity levels, in ascending order because the last matching rule wins."""
    steps: Mapping[str, str] = {"low": "1:46", "medium": "47:72", "high": "73:98", "critical": "99:100"}
    text = {"low": "#000000", "medium": "#000000", "high": "#FFFFFF", "critical": "#FFFFFF"}
    colours = [
        {"range": range_, "regex": "<insert regex>", "text": text[name], "background": SEVERITY[name]}
        for name, range_ in steps.items()
    ]
    return {"id": "color", "params": {"fieldType": "number", "colors": colours}}
