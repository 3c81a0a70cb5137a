"""Files of API keys: created once, never overwritten, rotated on demand, invalidated with the installation, no secret
printed.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import AuthenticationException, Elasticsearch

from common.elastic.key_text import id_of, read_key
from common.settings.connections import ElasticsearchSettings
from contract.documents.fields import stream_name
from contract.errors import InputError, SettingsError
from es_pipelines.provision.plan import make_plan, survey
from es_pipelines.resources.kind import Action, Installation, Resource
from es_pipelines.resources.labelled import Role
from es_pipelines.resources.security import ApiKey
from es_pipelines.resources.stored import read_stored
from es_pipelines.security.key_files import FILE, KeyFile, KeyOutcome, write_keys
from es_pipelines.security.keys import make_key, valid_keys
from es_pipelines.security.own_privileges import own_privileges
from es_pipelines.security.roles import PARTS, role_body, role_name
from tests.given_engines import PASSWORD
from tests.waiting import WAIT_S

pytestmark = pytest.mark.elasticsearch


@pytest.fixture
def admin(secured_url: str) -> Iterator[Elasticsearch]:
    """A client of the user with every privilege."""
    with Elasticsearch(secured_url, basic_auth=("elastic", PASSWORD), request_timeout=WAIT_S) as es:
        yield es


@pytest.fixture(scope="module")
def used(secured_url: str) -> Iterator[list[str]]:
    """Namespaces of these tests; their keys are invalidated all at once, because each request takes a second."""
    namespaces: list[str] = []
    yield namespaces
    with Elasticsearch(secured_url, basic_auth=("elastic", PASSWORD), request_timeout=WAIT_S) as es:
        ids = [key.id for name in namespaces for keys in valid_keys(es, name).values() for key in keys]
        es.security.invalidate_api_key(ids=ids)


@pytest.fixture
def made(admin: Elasticsearch, namespace: str, tmp_path: Path, used: list[str]) -> dict[str, KeyFile]:
    """The keys of an installation, in files under `tmp_path`."""
    used.append(namespace)
    return {file.part: file for file in write_keys(admin, tmp_path / "keys", namespace)}


def _signs_in(url: str, encoded: str | None) -> bool:
    with Elasticsearch(url, api_key=encoded, request_timeout=WAIT_S) as es:
        try:
            return str(es.security.authenticate()["authentication_type"]) == "api_key"
        except AuthenticationException:
            return False


def test_each_part_gets_a_file_that_only_its_owner_reads_and_that_signs_in(
    made: dict[str, KeyFile], secured_url: str, tmp_path: Path, namespace: str, admin: Elasticsearch
) -> None:
    assert set(made) == set(PARTS)
    for part, file in made.items():
        assert file.path == tmp_path / "keys" / part / FILE
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
        assert [path.name for path in file.path.parent.iterdir()] == [FILE]
        encoded = read_key(file.path)
        assert _signs_in(secured_url, encoded)
        assert encoded is not None
        assert file.id == id_of(encoded)
        assert (file.outcome, file.others) == (KeyOutcome.MADE, ())
    settings = ElasticsearchSettings.model_validate({"url": secured_url, "api_key_file": made["watcher"].path})
    assert settings.has_secret
    (stored,) = admin.security.get_api_key(name=role_name("shipper", namespace), active_only=True)["api_keys"]
    assert stored["metadata"]["managed_by"] == "oversight"
    assert stored["metadata"]["oversight"]["namespace"] == namespace


def test_a_second_run_keeps_every_key_and_every_byte(
    made: dict[str, KeyFile], admin: Elasticsearch, tmp_path: Path, namespace: str
) -> None:
    before = {part: file.path.read_bytes() for part, file in made.items()}
    again = write_keys(admin, tmp_path / "keys", namespace)
    assert {file.outcome for file in again} == {KeyOutcome.KEPT}
    assert {file.part: file.path.read_bytes() for file in again} == before
    assert all(len(keys) == 1 for keys in valid_keys(admin, namespace).values())


def test_rotation_gives_each_part_a_new_key_and_invalidates_all_old_ones(
    made: dict[str, KeyFile], admin: Elasticsearch, tmp_path: Path, namespace: str, secured_url: str
) -> None:
    """This includes a lost key whose file no longer exists."""
    lost = make_key(admin, PARTS["watcher"], namespace)
    old = {part: read_key(file.path) for part, file in made.items()}
    files = {file.part: file for file in write_keys(admin, tmp_path / "keys", namespace)}
    assert files["watcher"].others == (lost.id,)
    rotated = write_keys(admin, tmp_path / "keys", namespace, rotate=True, expiration="90d")
    assert {file.outcome for file in rotated} == {KeyOutcome.ROTATED}
    assert all(file.until.startswith("valid until 20") for file in rotated)
    assert all(stat.S_IMODE(file.path.stat().st_mode) == 0o600 for file in rotated)
    assert not _signs_in(secured_url, lost.encoded)
    for file in rotated:
        assert _signs_in(secured_url, read_key(file.path))
        assert not _signs_in(secured_url, old[file.part])
        assert file.others == ()


def test_a_file_whose_key_elasticsearch_does_not_know_is_never_overwritten(
    made: dict[str, KeyFile], admin: Elasticsearch, tmp_path: Path, namespace: str
) -> None:
    """It is of another cluster or installation, or invalidated: its owner may still need it."""
    admin.security.invalidate_api_key(ids=[made["watcher"].id])
    before = made["watcher"].path.read_bytes()
    for message in (
        r"watcher/key\.env holds a key that Elasticsearch does not accept.*--rotate-keys",
        r"watcher/key\.env holds no ELASTICSEARCH_API_KEY= line; move it away, or replace it with --rotate-keys",
    ):
        with pytest.raises(InputError, match=message) as caught:
            write_keys(admin, tmp_path / "keys", namespace)
        assert made["watcher"].path.read_bytes() == before
        assert "\n" not in str(caught.value)
        made["watcher"].path.write_text("something else\n", encoding="utf-8")
        before = b"something else\n"


def test_a_key_of_an_earlier_version_gets_the_privileges_of_this_one_and_keeps_its_secret(
    made: dict[str, KeyFile], admin: Elasticsearch, tmp_path: Path, namespace: str, secured_url: str
) -> None:
    role = role_name("watcher", namespace)
    less = {role: {"indices": [{"names": ["nothing"], "privileges": ["read"]}]}}
    admin.security.update_api_key(id=made["watcher"].id, role_descriptors=less)
    before = made["watcher"].path.read_bytes()
    again = {file.part: file.outcome for file in write_keys(admin, tmp_path / "keys", namespace)}
    assert again == {part: KeyOutcome.UPDATED if part == "watcher" else KeyOutcome.KEPT for part in PARTS}
    assert made["watcher"].path.read_bytes() == before
    (key,) = valid_keys(admin, namespace)["watcher"]
    assert {name for grant in key.privileges["indices"] for name in grant["names"]} >= {
        f"oversight-watchers-{namespace}"
    }


def test_no_key_is_created_for_a_folder_that_cannot_be_written(
    admin: Elasticsearch, tmp_path: Path, namespace: str
) -> None:
    (tmp_path / "keys").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot be (written to|read) \(Not a directory\)"):
        write_keys(admin, tmp_path / "keys", namespace)
    assert valid_keys(admin, namespace) == {part: [] for part in PARTS}


def test_an_invalid_expiry_and_a_key_that_would_create_keys_are_explained(
    admin: Elasticsearch, tmp_path: Path, namespace: str, secured_url: str
) -> None:
    with pytest.raises(SettingsError, match=r"did not create an API key for the shipper .*as 90d"):
        write_keys(admin, tmp_path / "keys", namespace, expiration="soon")
    every = admin.security.create_api_key(name="oversight-test-every", refresh=False)
    with (
        Elasticsearch(secured_url, api_key=every["encoded"], request_timeout=WAIT_S) as es,
        pytest.raises(
            SettingsError,
            match=r"ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD \(an API key cannot create API keys\)",
        ),
    ):
        write_keys(es, tmp_path / "keys", namespace)
    admin.security.invalidate_api_key(ids=[every["id"]])
    assert not list((tmp_path / "keys").rglob("*.env"))


def test_roles_are_planned_compared_kept_and_removed_like_the_rest(admin: Elasticsearch, namespace: str) -> None:
    installation = Installation(namespace, "1.0")
    wanted = [Resource("role", role_name(name, namespace), role_body(part, namespace)) for name, part in PARTS.items()]

    def actions(**more: Any) -> list[Action]:
        plan = make_plan(
            wanted,
            survey(read_stored(admin, namespace, (), roles=True), wanted),
            Installation(namespace, "1.0", **more),
        )
        return [step.action for step in plan]

    plan = make_plan(wanted, survey(read_stored(admin, namespace, (), roles=True), wanted), installation)
    assert {step.action for step in plan} == {Action.CREATE}
    for step, resource in zip(plan, wanted, strict=True):
        Role().write(admin, step, resource, installation)
    assert actions() == [Action.UNCHANGED] * len(PARTS)
    edited = role_name("dashboards", namespace)
    stored = admin.security.get_role(name=edited)[edited]
    more = [*stored["indices"], {"names": ["mine"], "privileges": ["read"]}]
    admin.security.put_role(
        name=edited,
        indices=more,
        cluster=stored["cluster"],
        metadata=stored["metadata"],
        applications=stored["applications"],
        description=stored["description"],
    )
    assert sorted(actions()) == sorted([Action.KEEP, *[Action.UNCHANGED] * (len(PARTS) - 1)])
    assert Action.UPDATE in actions(force=True)
    admin.security.put_role(name=edited, cluster=["monitor"])
    assert Action.FOREIGN in actions(force=True)
    for step in plan:
        Role().delete(admin, step, installation)
    assert Role().find(read_stored(admin, namespace, (), roles=True), []) == []


def test_an_installations_removal_invalidates_its_keys(
    made: dict[str, KeyFile], admin: Elasticsearch, namespace: str, secured_url: str
) -> None:
    standing = ApiKey().find(read_stored(admin, namespace, (), roles=False, keys=True), [])
    assert sorted(one.name for one in standing) == sorted(f"{role_name(p, namespace)} {f.id}" for p, f in made.items())
    assert ApiKey().find(read_stored(admin, f"{namespace}x", (), roles=False, keys=True), []) == []
    for one in standing:
        step = make_plan([], {"API key": {one.name: one}}, Installation(namespace, "1.0"))[0]
        assert step.action == Action.REMOVE
        ApiKey().delete(admin, step, Installation(namespace, "1.0"))
    assert not _signs_in(secured_url, read_key(made["shipper"].path))


def test_the_keys_of_a_dataset_have_their_own_files_and_reach_no_other_dataset(
    made: dict[str, KeyFile], admin: Elasticsearch, namespace: str, secured_url: str, tmp_path: Path
) -> None:
    river = {file.part: file for file in write_keys(admin, tmp_path / "keys", namespace, "river")}
    try:
        assert all(file.path == tmp_path / "keys" / "river" / part / FILE for part, file in river.items())
        assert {file.id for file in river.values()}.isdisjoint(file.id for file in made.values())
        again = write_keys(admin, tmp_path / "keys", namespace)
        assert [(file.outcome, file.others) for file in again] == [(KeyOutcome.KEPT, ())] * len(PARTS)

        own, other = stream_name(namespace, "river"), stream_name(namespace)
        encoded = read_key(river["shipper"].path)
        with Elasticsearch(secured_url, api_key=encoded, request_timeout=WAIT_S) as es:
            wanted = [{"names": [own, other], "privileges": ["create_doc", "read"]}]
            held = es.security.has_privileges(index=wanted)["index"]
            assert held == {own: {"create_doc": True, "read": True}, other: {"create_doc": False, "read": False}}
            found = own_privileges(es, namespace, "river")
            assert found is not None
            assert (found.part, found.more) == ("shipper", ())

        standing = ApiKey().find(read_stored(admin, namespace, (), dataset="river", roles=False, keys=True), [])
        assert {one.name.rpartition(" ")[2] for one in standing} == {file.id for file in river.values()}
        assert {one.name.partition(" ")[0] for one in standing} == {
            f"oversight-{part}-river-{namespace}" for part in PARTS
        }
    finally:
        admin.security.invalidate_api_key(ids=[file.id for file in river.values()])
    assert _signs_in(secured_url, read_key(made["shipper"].path)), "the keys of the other dataset are no longer valid"
