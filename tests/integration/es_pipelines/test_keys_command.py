"""`oversight provision --keys` as a user types it. Two real engines behind one URL together have the features of
Elasticsearch.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from common.elastic.key_text import read_key
from es_pipelines.security.roles import PARTS, role_name
from oversight.commands.provision import command
from tests.given_engines import PASSWORD
from tests.router import routed
from tests.waiting import WAIT_S

Run = Callable[..., Result]


def _runner(folder: Path, url: str, namespace: str, **more: str) -> Run:
    environment: dict[str, str | None] = {
        name: None for name in os.environ if name.startswith(("OVERSIGHT_", "ELASTICSEARCH_"))
    }
    environment |= {"ELASTICSEARCH_URL": url, "OVERSIGHT_NAMESPACE": namespace, **more}

    def run(*options: str) -> Result:
        with contextlib.chdir(folder):
            return CliRunner(env=environment).invoke(command, list(options))

    return run


@pytest.fixture
def run(embedded_url: str, secured_url: str, namespace: str, tmp_path: Path) -> Iterator[Run]:
    """Runs `oversight provision` as the user `elastic`, for its own installation."""
    with routed(embedded_url, secured_url) as url:
        yield _runner(tmp_path, url, namespace, ELASTICSEARCH_USERNAME="elastic", ELASTICSEARCH_PASSWORD=PASSWORD)
        with Elasticsearch(url, basic_auth=("elastic", PASSWORD), request_timeout=WAIT_S) as es:
            remove(es, namespace)


@pytest.mark.elasticsearch
def test_keys_are_created_kept_and_invalidated_with_the_installation(run: Run, tmp_path: Path, namespace: str) -> None:
    """From the first run to the removal, no output contains a secret."""
    made = run("--keys", "keys")
    assert made.exit_code == 0, made.stderr
    secrets = {part: read_key(tmp_path / "keys" / part / "key.env") for part in PARTS}
    for part in PARTS:
        assert f"created     role               {role_name(part, namespace)}\n" in made.stdout
        assert (
            f"made        API key            keys/{part}/key.env of the {part}, valid until it is rotated\n"
            in made.stdout
        )
    assert "copy each key file to the machine of its part" in made.stdout
    assert "security: this engine does not support it" not in made.stdout
    kept = run("--keys", "keys", "--json")
    assert [key["outcome"] for key in json.loads(kept.stdout)["keys"]] == ["kept"] * len(PARTS)
    removed = run("--remove", "--with-data")
    assert removed.exit_code == 0, removed.stderr
    assert removed.stdout.count("removed     API key") == removed.stdout.count("removed     role") == len(PARTS)
    said = [one.stdout + one.stderr for one in (made, kept, removed)]
    assert not [secret for secret in secrets.values() for text in said if str(secret) in text]


@pytest.mark.elasticsearch
def test_without_the_privilege_to_manage_security_the_rest_is_provisioned(
    embedded_url: str, secured_url: str, namespace: str, tmp_path: Path
) -> None:
    cluster = ["manage_ingest_pipelines", "manage_index_templates", "monitor"]
    user = f"oversight-test-{namespace}"
    with Elasticsearch(secured_url, basic_auth=("elastic", PASSWORD), request_timeout=WAIT_S) as admin:
        admin.security.put_role(name=user, cluster=cluster, indices=[{"names": ["logs-*"], "privileges": ["all"]}])
        admin.security.put_user(username=user, password=PASSWORD, roles=[user])
        with routed(embedded_url, secured_url) as url:
            run = _runner(tmp_path, url, namespace, ELASTICSEARCH_USERNAME=user, ELASTICSEARCH_PASSWORD=PASSWORD)
            done = run("--keys", "keys")
        admin.security.delete_user(username=user)
        admin.security.delete_role(name=user)
    with Elasticsearch(embedded_url, request_timeout=WAIT_S) as es:
        remove(es, namespace)
    assert done.exit_code == 1
    assert "lacks the privilege manage_security, which `PUT _security/role/*` needs" in done.stdout
    assert "no API key was written to keys: your user or key lacks the privilege manage_security" in str(done.exception)
    assert "created" in done.stdout.splitlines()[-1]
    assert not (tmp_path / "keys").exists()


def test_an_engine_without_security_creates_no_keys_and_says_what_is_missing(
    embedded_url: str, namespace: str, tmp_path: Path
) -> None:
    done = _runner(tmp_path, embedded_url, namespace)("--keys", "keys")
    with Elasticsearch(embedded_url, request_timeout=WAIT_S) as es:
        remove(es, namespace)
    assert done.exit_code == 1  # a script that waits for key files must stop
    assert "everyone who can reach the cluster may read and change everything" in done.stdout
    assert (
        "no API key was written to keys: security is off in this cluster, so no part needs a key; leave out --keys"
        in str(done.exception)
    )
    assert "Everything else is provisioned" in str(done.exception)
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--keys", "k", "--plan"),
        ("--keys", "k", "--check"),
        ("--keys", "k", "--remove"),
        ("--rotate-keys",),
        ("--key-expiry", "1d"),
        ("--keys", "k", "--key-expiry", "soon"),
        ("--keys", "k", "--key-expiry", "0d"),
        ("--keys", "k", "--key-expiry", "-1d"),
        ("--keys", "k", "--key-expiry", "5s"),
        ("--keys", "k", "--key-expiry", ""),
    ],
)
def test_options_that_contradict_each_other_are_a_usage_error(tmp_path: Path, options: tuple[str, ...]) -> None:
    assert CliRunner().invoke(command, list(options)).exit_code == 2
