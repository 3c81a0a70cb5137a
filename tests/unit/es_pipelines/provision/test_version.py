"""The resources of a released version do not change: an older Oversight must recognize newer resources."""

from __future__ import annotations

from common.settings.shared import DEFAULT_MODEL
from common.versions import version_of
from contract.distribution import own_version
from enrich_service.model.model_file import read_contract
from es_pipelines.cluster.capabilities import Capabilities
from es_pipelines.cluster.ownership import digest
from es_pipelines.provision.upgrade import NOTES
from es_pipelines.resources.all_kinds import KINDS
from es_pipelines.resources.desired import resources

RELEASED = {"0.2.0": "50de1657da8ffa87", "0.4.0": "9b46d5f0054c6d78"}
"""Version: digest of its resources. A release adds a line; no other change edits this table."""


def test_a_change_of_a_resource_needs_a_version_that_is_not_released() -> None:
    engine = Capabilities(True, True, True, True, True, True, True)
    wanted = resources(read_contract(DEFAULT_MODEL), "default", engine, retention="30d")
    found = digest({f"{one.kind} {one.name}": digest(KINDS[one.kind].normal(one.body)) for one in wanted})
    newest = max(RELEASED, key=version_of)
    assert version_of(own_version()) > version_of(newest) or found == RELEASED[own_version()], (
        f"the resources are not those of Oversight {own_version()}, which is released: raise the version in "
        f"pyproject.toml. Their digest is {found}"
    )


def test_no_upgrade_note_is_for_a_future_version() -> None:
    assert max(map(version_of, NOTES)) <= version_of(own_version())
