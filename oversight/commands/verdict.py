"""`oversight verdict`: records an analyst's verdict on one prediction."""

from __future__ import annotations

import getpass

import click

from common.settings.shared import OversightSettings
from contract.documents.feedback import VERDICTS
from contract.errors import InputError
from oversight.client import cluster
from oversight.commands.sweeping import name_closed_indices
from oversight.config.settings import load_installation, option_of
from oversight.terminal import one_line, print_result
from watcher.verdicts.judge import Judged, Verdict, judge


@click.command()
@click.argument("doc_id", metavar="ID")
@click.argument("verdict", required=False, type=click.Choice(VERDICTS))
@click.option("--label", help="The true label, one of the model's labels.")
@click.option("--comment", help="A comment, such as why.")
@click.option("--by", help="Who gives the verdict; default: your user name.")
@click.option("--clear", is_flag=True, help="Remove the verdict.")
@option_of(OversightSettings, "namespace")
@option_of(OversightSettings, "dataset")
@option_of(OversightSettings, "index")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    *,
    doc_id: str,
    verdict: str | None,
    label: str | None,
    comment: str | None,
    by: str | None,
    clear: bool,
    namespace: str | None,
    dataset: str | None,
    index: str | None,
    as_json: bool,
) -> None:
    """Record whether a prediction was right. The verdict stays when the document is predicted or parsed again.

    ID is the document's _id, as Kibana shows it. A new verdict replaces the old one. `oversight labels export` turns
    verdicts into training rows.

    \b
    Example:
      oversight verdict 3f8a91c0 true_positive
      oversight verdict 3f8a91c0 false_positive --label normal --comment "the backup at night"
      oversight verdict 3f8a91c0 --clear
    """
    from enrich_service.model.model_file import read_contract

    if clear == (verdict is not None) or (clear and (label or comment or by)):
        raise click.UsageError(f"give a verdict ({' or '.join(VERDICTS)}), or --clear without other options")
    shared = load_installation(namespace=namespace, dataset=dataset, index=index)
    labels = read_contract(shared.model).labels if label is not None else None
    given = None if verdict is None else Verdict(verdict, by or user_name(), label=label, comment=comment)
    with cluster.connect() as es:
        documents = shared.documents
        name_closed_indices(es, documents)
        judged = judge(es, documents, doc_id, given, labels=labels)
    print_result(judged, as_text(judged), as_json=as_json)


def user_name() -> str:
    """Return the name of the user.

    Raises:
        InputError: the system has no name for the user, as in some containers.
    """
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        raise InputError("this system has no name for your user; name who gives the verdict with --by") from None


def as_text(judged: Judged) -> str:
    """Describe the verdict in one line."""
    feedback = judged.feedback
    if feedback is None:
        return one_line(f"{judged.id} in {judged.index} has no verdict any more")
    label = f", it is {feedback['label']}" if "label" in feedback else ""
    return one_line(
        f"{judged.id} in {judged.index}, predicted {judged.predicted}: {feedback['verdict']}{label} "
        f"(by {feedback['by']})"
    )
