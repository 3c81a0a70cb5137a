"""docker-compose.yml: hardened, pinned, without a default secret; every command, path and variable in it exists.

These tests read the file only. tests/docker runs it.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from typing import Any

import click
import pytest

from oversight.cli import app
from oversight.config.settings import PARTS
from tests.compose import mounts, read, variables
from tests.conftest import ROOT

SECRETS = ("ELASTIC_PASSWORD", "KIBANA_SYSTEM_PASSWORD", "KIBANA_ENCRYPTION_KEY", "ENRICH_TOKEN", "CONSOLE_TOKEN")
FREE = {"STACK_VERSION", "ELASTICSEARCH_IMAGE", "KIBANA_IMAGE", "OVERSIGHT_NAMESPACE", "SENSOR_LOGS"}
"""Variables with a default; none is a secret."""
COMPOSE: dict[str, Any] = read({name: f"secret-{name}" for name in SECRETS})
SERVICES: dict[str, Any] = COMPOSE["services"]
ENDS_BY_ITSELF = {"certificates", "kibana-password", "kibana-import", "provision", "ship"}
OURS = sorted(name for name, service in SERVICES.items() if service.get("build"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
EACH = pytest.mark.parametrize("name", sorted(SERVICES))
EACH_OF_OURS = pytest.mark.parametrize("name", OURS)


@EACH
def test_a_container_has_no_rights_writes_only_its_volumes_and_has_limits(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) >= 1000
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["pids_limit"] >= (4096 if name == "elasticsearch" else 256)  # its threads, as documented
    assert service["logging"]["options"]["max-size"]
    assert all(":size=" in entry or ",size=" in entry for entry in service["tmpfs"])


@EACH
def test_a_server_has_a_health_check_restarts_and_publishes_on_this_machine_only(name: str) -> None:
    service = SERVICES[name]
    assert ("healthcheck" in service) == (name not in ENDS_BY_ITSELF)
    assert ("restart" in service) == (name not in ENDS_BY_ITSELF)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@EACH
def test_a_service_waits_until_its_dependencies_are_healthy_or_done(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        expected = "service_completed_successfully" if needed in ENDS_BY_ITSELF else "service_healthy"
        assert how["condition"] == expected


def test_up_wait_expects_every_service_that_ends_by_itself() -> None:
    """`docker compose up --wait` treats a container that ended as a failure, unless another service waits
    for its end.
    """
    awaited = {needed for service in SERVICES.values() for needed in service.get("depends_on", {})}
    started = {name for name, service in SERVICES.items() if "profiles" not in service}
    assert not (ENDS_BY_ITSELF & started) - awaited


def test_dashboards_that_fail_do_not_delay_the_watcher() -> None:
    assert SERVICES["watcher"]["depends_on"]["kibana-import"]["required"] is False


def test_images_are_pinned_and_one_variable_switches_elasticsearch_and_kibana() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    other = read({**dict.fromkeys(SECRETS, "x"), "STACK_VERSION": "8.19.23"})["services"]
    for name in SERVICES:
        image, _, tag = SERVICES[name]["image"].partition(":")
        if name in OURS:
            assert (image, tag) == ("oversight-console" if name == "console" else "oversight", version)
            assert SERVICES[name]["build"]["target"] == ("console" if name == "console" else "serve")
        else:
            assert image == name
            assert re.fullmatch(r"9\.\d+\.\d+", tag)
            assert other[name]["image"] == f"{name}:8.19.23"
    assert re.search(r"^ARG BASE_IMAGE=python:3\.11\.\d+-slim-[a-z]+$", DOCKERFILE, re.MULTILINE)
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))
    assert bases - set(re.findall(r" AS (\w+)$", DOCKERFILE, re.MULTILINE)) == {"${BASE_IMAGE}"}


def test_no_digest_is_committed_that_nobody_resolved() -> None:
    for name in ("docker-compose.yml", "Dockerfile"):
        assert "sha256:" not in (ROOT / name).read_text(encoding="utf-8")


def test_each_image_of_the_stack_can_be_replaced() -> None:
    given = {"ELASTICSEARCH_IMAGE": "registry.example/es:9@sha256:0", "KIBANA_IMAGE": "registry.example/kibana:9"}
    services = read({**dict.fromkeys(SECRETS, "x"), **given})["services"]
    assert [services[name]["image"] for name in ("elasticsearch", "kibana")] == list(given.values())
    assert all(SERVICES[name]["build"]["args"] == ["BASE_IMAGE"] for name in OURS)


def test_no_secret_has_a_default_and_each_is_required_by_name() -> None:
    for name, how, rest in variables():
        if name in FREE:
            assert how == ":-"
        else:
            assert name in SECRETS
            assert (how, rest) == (":?", "run `make env` first")
    for missing in SECRETS:
        with pytest.raises(KeyError, match=missing):
            read({name: "x" for name in SECRETS if name != missing})


def test_only_elasticsearch_and_setup_services_have_the_superusers_password() -> None:
    password = "secret-ELASTIC_PASSWORD"
    holders = {name for name, service in SERVICES.items() if password in service.get("environment", {}).values()}
    assert holders == {"elasticsearch", "kibana-password", "kibana-import", "provision"}
    assert holders - {"elasticsearch"} <= ENDS_BY_ITSELF


def test_each_container_sees_only_its_own_key_and_certificate() -> None:
    """The provisioner writes the keys, another container the certificates; the others read their own, or
    public ones.
    """
    for prefix, writer in (("key-", "provision"), ("certs-", "certificates")):
        seen = Counter[str]()
        for name, service in SERVICES.items():
            for source, writable in mounts(service).values():
                if source.startswith(prefix) and source != "certs-public":
                    assert writable == (name == writer)
                    seen[source] += name != writer
        assert set(seen) == {volume for volume in COMPOSE["volumes"] if volume.startswith(prefix)} - {"certs-public"}
        assert {name: count for name, count in seen.items() if count > 1} in ({}, {"key-shipper": 2})
    assert [name for name, service in SERVICES.items() if "authority" in str(service.get("volumes"))] == [
        "certificates"
    ]


@EACH_OF_OURS
def test_our_services_run_what_is_in_the_image(name: str) -> None:
    """Click itself reads the options, so they are options of the command."""
    service = SERVICES[name]
    line: list[str] = [*service.get("entrypoint", ["oversight"]), *service["command"]]
    program, words = line[0], line[1:]
    if program == "oversight":
        _parses(words)
        return
    path = words[0] if program == "python" else program
    file = ROOT / "docker" / path.removeprefix("/opt/docker/")
    assert path.startswith("/opt/docker/")
    assert file.is_file()
    assert program == "python" or file.stat().st_mode & 0o111


def _parses(words: list[str]) -> None:
    context = click.Context(app, info_name="oversight")
    command: click.Command = app
    while isinstance(command, click.Group):
        word, *words = words
        found = command.get_command(context, word)
        assert found is not None, word
        command = found
    if "--help" not in words:
        command.make_context(command.name, list(words), resilient_parsing=False)


@EACH_OF_OURS
def test_our_services_variables_are_settings(name: str) -> None:
    known = {part.variable(setting) for part in PARTS for setting in part.model_fields}
    extra = {"KIBANA_SYSTEM_PASSWORD"} if name == "kibana-password" else set()
    assert set(SERVICES[name].get("environment", {})) - extra <= known


@EACH
def test_every_path_of_a_container_is_mounted_or_in_the_image(name: str) -> None:
    service = SERVICES[name]
    paths = [
        *service.get("environment", {}).values(),
        *service.get("command", []),
        *service.get("healthcheck", {}).get("test", []),
    ]
    known = [*mounts(service), "/opt/docker", "/tmp", *(entry.split(":")[0] for entry in service["tmpfs"])]
    for text in paths:
        for path in re.findall(
            r"(?<![\w.:])/(?:certs|keys|logs|state|opt|usr/share)/?[\w./-]*", re.sub(r"https?://\S+", "", text)
        ):
            inside = name == "provision" and path == "/keys"
            assert inside or any(path == one or path.startswith(f"{one}/") for one in known), path


@EACH_OF_OURS
def test_the_image_has_a_folder_of_its_user_for_every_volume(name: str) -> None:
    """A new volume takes the owner of its mount point; without a folder there it would belong to root."""
    for target, (source, _) in mounts(SERVICES[name]).items():
        assert source in COMPOSE["volumes"] or source == "./logs"
        assert re.search(rf"(?<=\s){re.escape(target)}(?=\s)", DOCKERFILE), target


def test_every_volume_is_used_and_every_server_has_a_certificate_of_its_name() -> None:
    used = {source for service in SERVICES.values() for source, _ in mounts(service).values()}
    assert set(COMPOSE["volumes"]) == used - {"./logs"}
    folder, *words = SERVICES["certificates"]["entrypoint"][1:]
    servers = [word.removesuffix("+transport") for word in words]
    assert [word for word in words if word not in servers] == ["elasticsearch+transport"]
    assert set(mounts(SERVICES["certificates"])) == {f"{folder}/{name}" for name in (*servers, "authority", "public")}
    for name in servers:
        assert f"certs-{name}" in {source for source, _ in mounts(SERVICES[name]).values()}


def test_a_container_reaches_only_the_servers_that_it_uses() -> None:
    """The addresses in the environment show which servers a container uses."""
    listening = {name for name, service in SERVICES.items() if service.get("ports")}
    for name, service in SERVICES.items():
        if service.get("network_mode") == "none":
            assert "networks" not in service
            continue
        reached = {other for other in listening - {name} if set(SERVICES[other]["networks"]) & set(service["networks"])}
        assert reached == asked(name) | {other for other in listening if name in asked(other)}, name


def asked(name: str) -> set[str]:
    """The services whose addresses are in the environment of this one."""
    values = SERVICES[name].get("environment", {}).values()
    return {host for value in values for host in re.findall(r"https?://([\w-]+)", value) if host in SERVICES}


def test_only_a_network_of_one_service_is_not_internal() -> None:
    networks: dict[str, dict[str, Any] | None] = COMPOSE["networks"]
    used = Counter(network for service in SERVICES.values() for network in service.get("networks", []))
    assert set(used) == set(networks)
    assert "default" not in networks
    for network, options in networks.items():
        assert (options or {}).get("internal", False) == (used[network] > 1), network
    for name, service in SERVICES.items():
        ways_out = [network for network in service.get("networks", []) if used[network] == 1]
        assert bool(ways_out) == bool(service.get("ports")), name


def test_the_transport_layer_trusts_one_certificate_that_no_other_container_has() -> None:
    settings = SERVICES["elasticsearch"]["environment"]
    prefix = "xpack.security.transport.ssl."
    assert settings["transport.host"] == "127.0.0.1"
    assert settings[f"{prefix}certificate_authorities"] == settings[f"{prefix}certificate"] == "certs/transport.crt"
    assert settings["xpack.security.http.ssl.certificate"] == "certs/tls.crt"


def test_no_secret_travels_in_plain_text() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            assert name != "OVERSIGHT_ALLOW_PLAIN_HTTP"
            assert not (name.endswith(("_URL", "_HOSTS")) and value.startswith("http:"))


def test_the_image_gets_each_of_our_packages_and_its_own_lock() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert folders
    assert not [folder for folder in folders if f"COPY {folder} {folder}\n" not in DOCKERFILE]
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert not [folder for folder in (*folders, "docker", "requirements") if f"!{folder}" not in ignore]


def test_the_images_lock_is_the_serving_lock_and_the_packages_of_the_console() -> None:
    def packages(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
        return set(re.findall(r"^[a-z0-9][\w.-]*==\S+(?: ; [^\\\n]+)?", text, re.MULTILINE))

    more = packages("image.txt") - packages("serve.txt")
    assert not packages("serve.txt") - packages("image.txt")
    assert {line.partition("==")[0] for line in more} == {"vl-convert-python"}
    assert packages("image.txt") <= packages("dev.txt")
