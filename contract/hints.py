"""Commands that a message tells a person to run, for the installation that this process works on.

    >>> installation("lab")
    >>> run("provision")
    '`oversight provision --namespace lab`'

Without the option, a person who follows the hint would work on another installation than the one that the message is
about.
"""

from __future__ import annotations

DEFAULT_NAMESPACE = "default"
_chosen = [DEFAULT_NAMESPACE]
"""One a process: a command works on one installation."""


def installation(namespace: str) -> None:
    """Note which installation this process works on; called where settings are loaded."""
    _chosen[0] = namespace


def run(command: str) -> str:
    """A command in backticks, with `--namespace` where the installation is not the default one.

    Args:
        command: subcommand and options, such as `provision --plan`; a subcommand that takes `--namespace`.
    """
    namespace = _chosen[0]
    option = "" if namespace == DEFAULT_NAMESPACE else f" --namespace {namespace}"
    return f"`oversight {command}{option}`"
