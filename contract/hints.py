"""Commands for messages, with the option for the installation that this process works on.

    >>> installation("lab")
    >>> run("provision")
    '`oversight provision --namespace lab`'

Without the option, a person who follows the hint would change another installation than the one in the message.
"""

from __future__ import annotations

DEFAULT_NAMESPACE = "default"
_chosen = [DEFAULT_NAMESPACE]
"""One for each process: a command works on one installation."""


def installation(namespace: str) -> None:
    """Set the installation that this process works on. Called when the settings are loaded."""
    _chosen[0] = namespace


def run(command: str) -> str:
    """A command in backticks, with `--namespace` unless the installation is the default one.

    Args:
        command: subcommand and options, such as `provision --plan`; a subcommand that takes `--namespace`.
    """
    namespace = _chosen[0]
    option = "" if namespace == DEFAULT_NAMESPACE else f" --namespace {namespace}"
    return f"`oversight {command}{option}`"
