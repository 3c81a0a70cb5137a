"""Commands for messages, with the options for the installation that this process works on.

    >>> installation("lab")
    >>> run("provision")
    '`oversight provision --namespace lab`'

Without the option, a person who follows the hint would change another installation than the one in the message.
"""

from __future__ import annotations

DEFAULT_NAMESPACE = "default"
_chosen = {"namespace": DEFAULT_NAMESPACE, "dataset": ""}
"""One for each process: a command works on one dataset of one installation."""


def installation(namespace: str, dataset: str = "") -> None:
    """Set what this process works on; called when the settings are loaded.

    Args:
        namespace: the installation.
        dataset: empty if every command takes the same one without `--dataset`.
    """
    _chosen.update(namespace=namespace, dataset=dataset)


def run(command: str) -> str:
    """A command in backticks, with `--namespace` and `--dataset` unless they are the default.

    Args:
        command: subcommand and options, such as `provision --plan`; a subcommand that takes `--namespace`.
    """
    return f"`oversight {command}{options()}`"


def options() -> str:
    """The options for the installation, each with a blank in front; empty if all are the default."""
    namespace, dataset = _chosen["namespace"], _chosen["dataset"]
    chosen = "" if namespace == DEFAULT_NAMESPACE else f" --namespace {namespace}"
    return chosen + (f" --dataset {dataset}" if dataset else "")
