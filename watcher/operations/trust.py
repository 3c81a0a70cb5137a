"""Check whether stored predictions and verdicts can be trusted.

    index ──▶ is its final pipeline ours? ─ no ──▶ anyone who may write there can store anything
    document ──▶ signs that neither the watcher nor `oversight verdict` wrote it

Our final pipeline guards new documents. The signs find forged documents that were stored before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from contract import hints
from contract.documents.feedback import ROOT
from contract.documents.fields import ENRICHED, FINAL_PIPELINE, GUARD_PIPELINE, MODEL_VERSION, STATUS
from contract.documents.paths import lookup
from contract.errors import InputError
from watcher.elastic_faults import engine_faults, index_missing
from watcher.operations.selection import Query, any_of, count


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of forgery: something that we never store."""

    says: str
    query: Query
    words: str
    """The query as a Lucene query string."""

    def request(self, index: str) -> str:
        """Return the request that shows the documents."""
        return f"GET {index}/_search?q={self.words.replace(' ', '+')}"


def _lacks(*fields: str) -> Query:
    return any_of(*({"bool": {"must_not": [{"exists": {"field": field}}]}} for field in fields))


SIGNS = (
    Sign(
        "enriched without a model",
        {"bool": {"filter": [{"term": {STATUS: ENRICHED}}, _lacks(MODEL_VERSION)]}},
        f"{STATUS}:{ENRICHED} AND NOT _exists_:{MODEL_VERSION}",
    ),
    Sign(
        "a verdict without its author and time",
        {"bool": {"filter": [{"exists": {"field": f"{ROOT}.verdict"}}, _lacks(f"{ROOT}.by", f"{ROOT}.at")]}},
        f"_exists_:{ROOT}.verdict AND NOT (_exists_:{ROOT}.by AND _exists_:{ROOT}.at)",
    ),
    Sign(
        "a verdict without a prediction of a model",
        {"bool": {"filter": [{"exists": {"field": f"{ROOT}.verdict"}}, _lacks(MODEL_VERSION)]}},
        f"_exists_:{ROOT}.verdict AND NOT _exists_:{MODEL_VERSION}",
    ),
)


def forged(es: Elasticsearch, index: str) -> list[tuple[Sign, int]]:
    """Return the signs that some documents have, with the number of documents.

    Raises:
        EngineUnavailableError: Elasticsearch does not answer.
    """
    return [(sign, number) for sign in SIGNS if (number := count(es, index, sign.query))]


def looks_forged(source: Mapping[str, Any]) -> str | None:
    """Return why a document with a verdict looks forged; None if it looks as we write it."""
    ours = source.get("oversight")
    if any(key.startswith("oversight.") for key in source) or not isinstance(ours, Mapping):
        return "oversight.* in a spelling that Oversight does not write"
    if not all(isinstance(lookup(source, f"{ROOT}.{name}"), str) for name in ("by", "at")):
        return SIGNS[1].says
    if not isinstance(lookup(source, MODEL_VERSION), str):
        return SIGNS[2].says
    return None


def unguarded(es: Elasticsearch, index: str) -> list[str]:
    """Return the indices whose final pipeline is not ours.

    Raises:
        IndexMissingError: there is no such index.
        EngineUnavailableError: Elasticsearch does not answer.
    """
    with engine_faults("reading settings", index=index):
        found = es.indices.get_settings(index=index, flat_settings=True).body
    if not found:
        raise index_missing(index)
    return sorted(
        name
        for name, body in found.items()
        if not str(lookup(body["settings"], FINAL_PIPELINE, "")).startswith(GUARD_PIPELINE)
    )


def require_guard(es: Elasticsearch, index: str) -> None:
    """Refuse an index where others can store verdicts.

    Raises:
        InputError: names the index and what to do.
    """
    bare = unguarded(es, index)
    if bare:
        more = f" and {len(bare) - 3} more" if len(bare) > 3 else ""
        raise InputError(
            f"{', '.join(bare[:3])}{more}: the final pipeline is not Oversight's, so anyone who may write "
            "there can store forged "
            f"verdicts; run {hints.run('provision')} if it is Oversight's stream, or export anyway with --unguarded"
        )
