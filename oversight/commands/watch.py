"""`oversight watch`: runs the watcher as a process, with signals and an exit code."""

from __future__ import annotations

import gc
import logging
import sys

import click
import orjson

from common.settings.shared import OversightSettings
from contract.documents.datasets import CONNECTION
from contract.errors import EngineUnavailableError
from oversight.client import cluster
from oversight.commands.stopping import stop_on_signals
from oversight.config import logs
from oversight.config.settings import load, load_installation, model_dataset, option_of
from watcher.loop import run
from watcher.settings import WatchRun, WatchSettings

SERVICE = "oversight-watcher"


@click.command()
@click.option("--once", is_flag=True, help="Stop when nothing is pending; without it, keep waiting for new documents.")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@option_of(OversightSettings, "enrich_url")
@option_of(WatchSettings, "page_size")
@option_of(WatchSettings, "slices", metavar="N")
@option_of(WatchSettings, "slice", metavar="I/N")
@click.option("--json", "as_json", is_flag=True, help="Print the counts as JSON at the end; the log goes to stderr.")
@click.option("--verbose", is_flag=True, help="Log debug messages too.")
def command(
    *,
    once: bool,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    enrich_url: str | None,
    page_size: int | None,
    slices: int | None,
    slice: str | None,  # noqa: A002  the option
    as_json: bool,
    verbose: bool,
) -> None:
    """Run the watcher: add a prediction to every pending document, until SIGTERM or Ctrl-C.

    While Elasticsearch or the enrich service is down, the watcher waits, and no document is lost. At the first signal
    it finishes the current page and stops; a second signal stops it at once. With --once the exit code is 0 if nothing
    is pending any more; otherwise it is 1, and the watcher prints why.

    \b
    Example:
      oversight watch
      oversight watch --once --json
      oversight watch --slices 2
      OVERSIGHT_INDEX=flows-* oversight watch
    """
    logs.setup(SERVICE, stream=sys.stderr if as_json else sys.stdout, verbose=verbose)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)  # it warns at every try; the watcher warns once
    shared = load_installation(namespace=namespace, dataset=dataset, index=index, enrich_url=enrich_url)
    settings = load(WatchSettings, page_size=page_size, slices=slices, slice=slice)
    stop = stop_on_signals()
    tune_python()
    with cluster.client() as es:
        totals = run(es, WatchRun(shared, settings, once=once, datasets=_expected(shared, dataset)), stop=stop)
    if as_json:
        click.echo(orjson.dumps(totals.to_dict()))
    if totals.trouble is not None:
        raise EngineUnavailableError(totals.trouble)


def _expected(shared: OversightSettings, dataset: str | None) -> frozenset[str]:
    """Return the datasets that the service's model may have; empty for an index that is not Oversight's.

    If a person names the dataset, the model of OVERSIGHT_MODEL serves it, whichever dataset its contract has. So does
    a model of format 1, which names none.
    """
    if shared.index is not None:
        return frozenset()
    named = load(OversightSettings, dataset=dataset).dataset is not None
    return frozenset({shared.chosen_dataset, *((CONNECTION, model_dataset(shared)) if named else ())})


def tune_python() -> None:
    """Tune Python for pages of documents.

    Documents contain no reference cycles, and searching for them costs a third of the work.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 10, 10)
