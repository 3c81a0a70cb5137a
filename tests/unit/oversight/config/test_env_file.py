"""`.env` is read only if nobody else can have written it, and no secret is sent to an address from it."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from common.settings.base import Settings
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import OversightSettings
from contract.errors import SettingsError
from kibana.settings import KibanaSettings
from oversight.config.env_file import values
from oversight.config.misspelt_names import distance
from oversight.config.settings import PARTS, load, origin

ME = pwd.getpwuid(os.geteuid()).pw_name
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a file")


@pytest.fixture(autouse=True)
def env(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A `.env` in the working folder, and no setting in the environment."""
    for name in list(os.environ):
        if name.startswith(("OVERSIGHT_", "ELASTIC", "KIBANA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / ".env"
    file.write_text("ELASTICSEARCH_URL=http://127.0.0.1:9999\n", encoding="utf-8")
    file.chmod(0o600)
    return file


@needs_root
@pytest.mark.parametrize("through_a_link", [True, False])
def test_a_file_of_another_user_is_refused_whatever_its_content(
    env: Path, tmp_path: Path, *, through_a_link: bool
) -> None:
    if through_a_link:
        env.rename(tmp_path / "real")
        env.symlink_to("real")
    os.chown(env, 12345, -1, follow_symlinks=False)
    with pytest.raises(
        SettingsError, match=rf"{env} belongs to 12345.*`chown {'-h ' if through_a_link else ''}{ME} {env}`"
    ):
        load(OversightSettings)
    os.chown(env, 0, -1, follow_symlinks=False)
    assert load(ElasticsearchSettings).url == "http://127.0.0.1:9999"


@pytest.mark.parametrize("mode", [0o602, 0o622, 0o666, 0o642])
def test_a_file_that_everyone_may_write_is_refused(env: Path, mode: int) -> None:
    env.chmod(mode)
    with pytest.raises(SettingsError, match=rf"can be changed by everybody.*`chmod go-w {env}`"):
        load(ElasticsearchSettings)
    env.chmod(mode & ~0o022)
    assert load(ElasticsearchSettings).url == "http://127.0.0.1:9999"


@needs_root
def test_the_users_own_group_may_write_the_file(env: Path) -> None:
    """Many systems give each user a group of the same name, and create files with mode 664."""
    env.chmod(0o660)
    own = pwd.getpwuid(0).pw_gid
    os.chown(env, 0, own)
    assert load(ElasticsearchSettings).url == "http://127.0.0.1:9999"
    os.chown(env, 0, 1)  # `daemon`, or another group of the system
    with pytest.raises(SettingsError, match=rf"can be changed by the group \w+.*`chmod go-w {env}`"):
        load(ElasticsearchSettings)
    os.chown(env, 0, 54321)
    with pytest.raises(SettingsError, match=r"can be changed by the group 54321"):
        load(ElasticsearchSettings)


def test_a_folder_with_that_name_or_a_missing_file_has_no_settings(env: Path) -> None:
    env.unlink()
    assert values() == {}
    env.mkdir(mode=0o777)
    assert values() == {}
    assert load(ElasticsearchSettings).url == "http://127.0.0.1:9200"


def test_variables_in_the_file_are_not_expanded(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the file could put a secret of the environment into an address."""
    monkeypatch.setenv("SOME_TOKEN", "s3cret")
    env.write_text(
        "OVERSIGHT_SUPPRESS=/x/${SOME_TOKEN}\nELASTICSEARCH_USERNAME=u\nELASTICSEARCH_PASSWORD=a$b\n", "utf-8"
    )
    assert str(load(OversightSettings).suppress) == "/x/${SOME_TOKEN}"
    password = load(ElasticsearchSettings).password
    assert password is not None
    assert password.get_secret_value() == "a$b"


SECRETS = [(part, secret, place) for part in PARTS for secret in part.secrets for place in part.places]


@pytest.mark.parametrize(("part", "secret", "place"), SECRETS)
def test_a_secret_of_the_environment_never_goes_to_an_address_from_the_file(
    env: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: type[Settings], secret: str, place: str
) -> None:
    key, there = part.variable(secret), part.variable(place)
    (tmp_path / "a.pem").write_text("x", encoding="utf-8")
    (tmp_path / "key.env").write_text("ELASTICSEARCH_API_KEY=aWQ6c2VjcmV0\n", encoding="utf-8")
    address = str(tmp_path / "a.pem") if place.endswith("certs") else "https://evil.example"
    value = str(tmp_path / "key.env") if secret.endswith("file") else "aWQ6c2VjcmV0"
    user = f"{part.prefix}USERNAME" if secret == "password" else ""
    if user:
        monkeypatch.setenv(user, "u")

    env.write_text(f"{there}={address}\n", encoding="utf-8")
    monkeypatch.setenv(key, value)
    with pytest.raises(SettingsError, match=f"{key} is in the environment and {there} in the file {env}.*set both"):
        load(part)
    if place.endswith("url"):
        load(part, **{place: "https://right.example"})  # an option of the command line

    monkeypatch.setenv(there, address)
    load(part)
    monkeypatch.delenv(there)
    monkeypatch.delenv(key)
    env.write_text(f"{there}={address}\n{key}={value}\n", encoding="utf-8")
    load(part)
    env.write_text(f"{key}={value}\n", encoding="utf-8")
    monkeypatch.setenv(there, address)
    load(part)


def test_every_secret_that_is_sent_and_every_address_is_in_the_rule() -> None:
    """A new setting of that kind must be added there."""
    rule = {part.variable(name) for part in PARTS for name in (*part.secrets, *part.places)}
    names = {part.variable(name) for part in PARTS for name in part.model_fields}
    received = {"OVERSIGHT_CONSOLE_TOKEN", "OVERSIGHT_CONSOLE_ALLOW_NO_TOKEN", "OVERSIGHT_SERVE_ALLOW_NO_TOKEN"}
    linked = {"OVERSIGHT_CONSOLE_URL"}  # only people's browsers open it
    for name in names - received - linked:
        if name.endswith(("_URL", "_CA_CERTS", "_TOKEN", "_PASSWORD", "_API_KEY", "_API_KEY_FILE")):
            assert name in rule, name


def test_the_origin_of_a_setting_is_known(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELASTICSEARCH_TIMEOUT_S", "3")
    assert [origin(ElasticsearchSettings, name) for name in ("timeout_s", "url", "ca_certs")] == [
        "environment",
        ".env",
        "default",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("ELASTICSEARCH_APIKEY", "ELASTICSEARCH_API_KEY"),
        ("ELASTIC_API_KEY", "ELASTICSEARCH_API_KEY"),
        ("ELASTIC_URL", "ELASTICSEARCH_URL"),
        ("ELASTICSEARCH_USER", "ELASTICSEARCH_USERNAME"),
        ("ELASTICSERACH_URL", "ELASTICSEARCH_URL"),
        ("KIBANA_PASSWROD", "KIBANA_PASSWORD"),
        ("KIBANA_URLS", "KIBANA_URL"),
    ],
)
def test_a_name_near_to_a_setting_is_refused_in_our_file_and_a_warning_in_the_environment(
    env: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, meant: str
) -> None:
    env.write_text("OVERSIGHT_NAMESPACE=lab\n", encoding="utf-8")
    monkeypatch.setenv(name, "x")
    monkeypatch.setattr("oversight.config.settings._warned", set())
    load(KibanaSettings)
    load(ElasticsearchSettings)
    said = f"oversight: {name} in the environment is not a setting of Oversight and is ignored; did you mean {meant}?\n"
    assert capsys.readouterr().err == said, "one warning, however many parts are loaded"
    monkeypatch.delenv(name)
    if name.startswith(("ELASTICSEARCH_", "ELASTIC_", "KIBANA_")):
        env.write_text(f"OVERSIGHT_NAMESPACE=lab\n{name}=x\n", encoding="utf-8")
        with pytest.raises(
            SettingsError, match=rf"{name} in \.env is not a setting of Oversight; did you mean {meant}\?"
        ):
            load(OversightSettings)


def test_names_of_other_software_are_ignored(
    env: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    others = (
        "ELASTIC_PASSWORD",
        "ELASTIC_APM_SERVER_URL",
        "ELASTIC_APM_SECRET_TOKEN",
        "ELASTICSEARCH_HOSTS",
        "ELASTIC_VERSION",
        "ELASTICSEARCH_CLUSTER_NAME",
        "ELASTICSEARCH_HEAP_SIZE",
        "KIBANA_PORT",
        "KIBANA_SYSTEM_PASSWORD",
        "KIBANA_HOST",
        "ELASTIC_CLOUD_ID",
        "ELASTICSEARCH_PORT",
        "ELASTICSEARCH_SSL_CERTIFICATEAUTHORITIES",
    )
    for name in others:
        monkeypatch.setenv(name, "x")
    monkeypatch.setattr("oversight.config.settings._warned", set())
    load(ElasticsearchSettings)
    assert capsys.readouterr().err == ""
    env.write_text("".join(f"{name}=x\n" for name in others), encoding="utf-8")
    load(ElasticsearchSettings)  # a file of other software, without any of our settings
    env.write_text("ELASTICSEARCH_HOSTS=x\nELASTICSEARCH_URL=http://127.0.0.1:9200\n", encoding="utf-8")
    with pytest.raises(
        SettingsError, match=r"ELASTICSEARCH_HOSTS in \.env.*If it belongs to other software, keep it in another file"
    ):
        load(ElasticsearchSettings)


def test_the_file_of_docker_compose_is_accepted(env: Path) -> None:
    """`make env` writes it into the folder in which users run commands."""
    import subprocess

    from tests.conftest import ROOT

    env.write_text("OVERSIGHT_NAMESPACE=lab\nSTACK_VERSION=8.19.23\n", encoding="utf-8")
    subprocess.run([ROOT / "docker" / "env.sh", env], check=True, capture_output=True)
    assert load(OversightSettings).namespace == "lab"


def test_a_swap_of_neighbours_is_one_letter() -> None:
    assert [
        distance(*pair) for pair in (("abc", "abc"), ("abc", "acb"), ("abc", "ab"), ("", "ab"), ("abcd", "badc"))
    ] == [
        0,
        1,
        1,
        2,
        2,
    ]
