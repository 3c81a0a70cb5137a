"""The console's data sources: Elasticsearch and the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from contract.artifact.contract import ModelContract


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Functions that reach Elasticsearch and the model."""

    connect: Callable[[], Elasticsearch]
    """Creates a client that has sent nothing yet. Called in the worker process."""
    explain: Callable[[Exception], str]
    """Returns one useful line for an error of that client."""
    contract: Callable[[], ModelContract]
    """Reads the contract of the model. Called again from time to time, because the model may change."""
    connect_analyst: Callable[[], Elasticsearch] | None = None
    """Creates the client that writes verdicts; None: as `connect`."""
    program: str = "oversight"
    """How a person at a terminal of this machine calls `oversight` for the same Elasticsearch."""
    timeout_s: float = 30.0
    """Longest time for Elasticsearch to answer for one page."""
