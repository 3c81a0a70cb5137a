"""The index with the documents of a trial. Each engine uses another kind, so that trials cover all kinds.

embedded        a plain index with the name of our stream
opensearch      the provisioned stream: raw lines, real pipelines, a data stream
elasticsearch   a plain foreign index with parsed documents, named by OVERSIGHT_INDEX
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import FIELDS, properties, stream_name
from es_pipelines.provision.apply import provision
from tests.artifacts import TURBINE
from tests.faults.ledger import Ledger
from tests.faults.processes import Watcher
from tests.waiting import WAIT_S


@dataclass(frozen=True)
class TrialIndex:
    """An index for one or more trials."""

    engine: str
    url: str
    es: Elasticsearch
    """A client with all privileges."""
    index: str
    folder: Path
    """Folder for the logs of watchers."""
    lines: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings that a watcher needs to watch this index."""

    def ledger(self, prefix: str) -> Ledger:
        """A ledger for the documents of one trial; their ids begin with `prefix`."""
        return Ledger(self.es, self.index, prefix=prefix, lines=self.lines)

    def watcher(self, enrich_url: str, *options: str, url: str | None = None, **more: str) -> Watcher:
        """Start a watcher of this index; `url` replaces the address of the engine."""
        environment = {
            "ELASTICSEARCH_URL": url or self.url,
            "OVERSIGHT_ENRICH_URL": enrich_url,
            **self.settings,
            **more,
        }
        return Watcher(environment, self.folder / f"watcher-{uuid.uuid4().hex[:8]}.log", *options)


@contextlib.contextmanager
def trial_index_on(
    engine: str, url: str, namespace: str, folder: Path, *, es: Elasticsearch | None = None
) -> Iterator[TrialIndex]:
    """Create an index on an engine, and delete it at the end."""
    own = {"OVERSIGHT_NAMESPACE": namespace}
    with es or Elasticsearch(url, request_timeout=WAIT_S) as client:
        if engine == "opensearch":
            provision(client, TURBINE, namespace=namespace)
            try:
                yield TrialIndex(engine, url, client, stream_name(namespace), folder, lines=True, settings=own)
            finally:
                remove(client, namespace)
            return
        index = stream_name(namespace) if engine == "embedded" else f"flows-{namespace}"
        client.indices.create(
            index=index,
            mappings={"dynamic": False, "properties": properties(FIELDS)},
            settings={"number_of_shards": 2, "number_of_replicas": 0, "refresh_interval": "100ms"},
        )
        try:
            yield TrialIndex(engine, url, client, index, folder, settings={**own, "OVERSIGHT_INDEX": index})
        finally:
            client.indices.delete(index=index, ignore_unavailable=True)
