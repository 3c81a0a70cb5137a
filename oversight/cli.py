"""The command `oversight`, with one subcommand per part. A subcommand's module is imported only when it runs."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import traceback
from pathlib import Path

import click

from contract.distribution import DISTRIBUTION, how_to_install
from contract.errors import InputError, OversightError, SettingsError, shorten
from oversight.terminal import guarded, one_line

TRACEBACK = "OVERSIGHT_TRACEBACK"
"""Variable: print the traceback of an unexpected error. Read here, because loading the settings may be what fails."""

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": (
        "oversight.commands.demo",
        "Try everything on this machine with simulated traffic and an embedded engine.",
    ),
    "provision": (
        "oversight.commands.provision",
        "Create or update pipelines, templates and the stream in Elasticsearch.",
    ),
    "sense": ("oversight.commands.sense", "Ship the connections that Zeek, Suricata, a capture or an index has."),
    "ship": ("oversight.commands.ship", "Send files of raw events to Elasticsearch."),
    "simulate": ("oversight.commands.simulate", "Simulate network traffic and write or ship its raw events."),
    "serve": ("oversight.commands.serve", "Run the enrich service: answer prediction requests over HTTP."),
    "watch": ("oversight.commands.watch", "Run the watcher: add a prediction to every pending document."),
    "status": ("oversight.commands.status", "Show how many documents are pending, enriched and failed."),
    "incidents": ("oversight.commands.incidents", "List incidents: the alerts of one machine, close in time."),
    "retry": ("oversight.commands.retry", "Process failed documents again, after you fixed the cause."),
    "rescore": ("oversight.commands.rescore", "Predict stored documents again with the current model."),
    "verdict": ("oversight.commands.verdict", "Record whether a prediction was right."),
    "labels": ("oversight.commands.labels", "Export analysts' verdicts as training rows."),
    "contract": ("oversight.commands.contract", "Write the contract of your own data, or check one."),
    "train": ("oversight.commands.train", "Train a model on KDD Cup 99 and convert it (needs TensorFlow)."),
    "convert": ("oversight.commands.convert", "Turn a Keras model into one ONNX artifact (needs TensorFlow)."),
    "adopt": ("oversight.commands.adopt", "Turn an ONNX model of another tool into an artifact."),
    "try": (
        "oversight.commands.try_model",
        "Make an artifact of a model and a labelled file, measure it, show some rows.",
    ),
    "predict": ("oversight.commands.predict", "Score the rows of a file with a model, without a cluster."),
    "evaluate": ("oversight.commands.evaluate", "Measure a model on labelled rows, or the predictions of a stream."),
    "model": ("oversight.commands.model", "Show the model (features, labels, measured figures) or switch versions."),
    "kibana": ("oversight.commands.kibana", "Import, export or remove dashboards and alert rules in Kibana."),
    "check": ("oversight.commands.check", "Check that servers, versions and model work together."),
    "console": ("oversight.commands.console", "Show the dashboards in a browser, without Kibana."),
    "settings": ("oversight.commands.settings", "Show the current settings, secrets masked."),
}
"""Each command with its module, which defines the click command `command`, and its line in `oversight --help`."""


OPTIONAL = {"noida_db": "embedded", "psutil": "embedded"} | dict.fromkeys(
    ("onnx", "sklearn", "scipy", "matplotlib"), "train"
)
"""Packages that the serving install lacks, and the extra that installs each."""


class LazyGroup(click.Group):
    """A group that imports a command only when it is used, so that `--help` stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order in which an event passes the parts."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command with this name, or None."""
        if cmd_name not in COMMANDS:
            return None
        # Ctrl-C during the import of a binary module would end in that module's own traceback.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        except ModuleNotFoundError as error:
            package = (error.name or "").split(".")[0]
            if package not in OPTIONAL:
                raise
            raise SettingsError(
                f"`oversight {cmd_name}` needs the package {package}, which is not installed; "
                f"{how_to_install(OPTIONAL[package])}"
            ) from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone, without an import."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "color": True})
@click.version_option(package_name=DISTRIBUTION, prog_name="oversight")
def app() -> None:
    """Add a machine-learning prediction to every document of an Elasticsearch index."""


def main(argv: list[str] | None = None) -> None:
    """Run a command and exit: 0 success, 1 the work failed, 2 wrong usage, 64 wrong settings."""
    with guarded():
        _run(argv)


def _run(argv: list[str] | None) -> None:
    try:
        app.main(args=argv, prog_name="oversight", standalone_mode=False)
    except click.exceptions.Exit as ending:
        sys.exit(ending.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        known = explained(error)
        if known is None and os.environ.get(TRACEBACK):
            raise
        fail(known or _unexpected(error))


def explained(error: Exception) -> OversightError | None:
    """Convert a known error to one that says what happened and what to do; None for an unexpected error."""
    if isinstance(error, OversightError):
        return error
    if "elasticsearch" in sys.modules and (cluster_fault := _of_the_cluster(error)):
        return cluster_fault
    if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
        return InputError("the output cannot be written, because the disk is full; free some space there")
    if isinstance(error, OSError) and error.filename is not None:
        return InputError(f"{error.filename}: {error.strerror}")
    return None


def _of_the_cluster(error: Exception) -> OversightError | None:
    """Convert errors of the Elasticsearch client. Call this only if the command has imported it: that takes 0.25 s."""
    from elastic_transport import TransportError
    from elasticsearch import ApiError, UnsupportedProductError

    from common.settings.connections import ElasticsearchSettings
    from oversight.client.cluster import explain
    from oversight.config.settings import load

    if isinstance(error, ApiError | TransportError | UnsupportedProductError):
        return explain(error, load(ElasticsearchSettings).url)
    return None


def _unexpected(error: Exception) -> OversightError:
    frames = traceback.extract_tb(error.__traceback__)
    location = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return InputError(
        f"unexpected error: {type(error).__name__}: {shorten(str(error), 200)}{location}; run the command again with "
        f"{TRACEBACK}=1 and report what it prints"
    )


def fail(error: OversightError) -> None:
    """Print in one line what happened and what to do, and exit."""
    sys.stderr.write(f"oversight: {one_line(error)}\n")
    sys.exit(error.exit_code)
