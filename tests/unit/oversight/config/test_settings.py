"""Wrong settings are refused before anything runs, with the variable, its value and the allowed values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from common.settings.addresses import refuse_plain_http
from common.settings.connections import ElasticsearchSettings
from common.settings.shared import DEFAULT_MODEL, OversightSettings
from contract import hints
from contract.errors import SettingsError
from contract.shipped_models import shipped_path
from docs.generate.__main__ import PAGES, ROOT
from enrich_service.settings import ServeSettings
from oversight.commands.settings import MASK, rows_of
from oversight.config.settings import load, load_installation
from tests.artifacts import write_model
from tests.tasks import ONE_SIGMOID, one_sigmoid
from watcher.settings import WatchSettings


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the settings of the user who runs the tests."""
    import os

    for name in list(os.environ):
        if name.startswith(("OVERSIGHT_", "ELASTICSEARCH_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_a_misspelt_variable_is_refused_and_the_nearest_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERSIGHT_NAMESPCE", "lab")
    with pytest.raises(SettingsError, match=r"OVERSIGHT_NAMESPCE is not a setting.*did you mean OVERSIGHT_NAMESPACE"):
        load(OversightSettings)


def test_a_misspelt_variable_in_the_env_file_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OVERSIGHT_MODELL=x\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="OVERSIGHT_MODELL"):
        load(OversightSettings)


def test_the_environment_wins_over_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "OVERSIGHT_NAMESPACE=file\nELASTICSEARCH_URL=http://127.0.0.1:9999\n", encoding="utf-8"
    )
    monkeypatch.setenv("OVERSIGHT_NAMESPACE", "environment")
    assert load(OversightSettings).namespace == "environment"
    assert load(ElasticsearchSettings).url == "http://127.0.0.1:9999"


def test_an_option_of_the_command_line_wins_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERSIGHT_SERVE_WORKERS", "2")
    assert load(ServeSettings, workers=3).workers == 3
    assert load(ServeSettings, workers=None).workers == 2


@pytest.mark.parametrize("value", ["with-dash", "Upper", "", "a" * 101, "a b", "-"])
def test_a_namespace_that_no_data_stream_accepts_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match="OVERSIGHT_NAMESPACE"):
        load(OversightSettings, namespace=value)


def test_the_dataset_is_that_of_the_model_unless_the_user_names_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = write_model(tmp_path / "model.onnx", replace(ONE_SIGMOID, dataset="river"), graph=one_sigmoid())
    assert load_installation().stream == "logs-oversight.connection-default"
    monkeypatch.setenv("OVERSIGHT_MODEL", str(model))
    assert load_installation(namespace="lab").stream == "logs-oversight.river-lab"
    monkeypatch.setenv("OVERSIGHT_DATASET", "lake")
    assert load_installation().stream == "logs-oversight.lake-default"
    assert load_installation(dataset="connection").stream == "logs-oversight.connection-default"


def test_a_shipped_model_is_found_by_its_name_and_anything_else_is_a_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the environment and from an option alike; its dataset is that of its contract."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVERSIGHT_MODEL", "kdd99-flow")
    assert load_installation().model == shipped_path("kdd99-flow")
    assert load_installation().stream == "logs-oversight.flow-default"
    assert load(OversightSettings, model="kdd99-mlp").model == DEFAULT_MODEL
    for text in ("./kdd99-flow", "live", "models/live", str(tmp_path)):
        assert load(OversightSettings, model=text).model == Path(text)


def test_a_model_that_cannot_be_read_does_not_send_events_to_another_stream(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OVERSIGHT_MODEL", str(tmp_path / "none.onnx"))
    with pytest.raises(SettingsError, match=r"there is no model at .*OVERSIGHT_DATASET or with --dataset"):
        load_installation()
    assert load_installation(dataset="river").stream == "logs-oversight.river-default"


def test_a_hint_names_the_dataset_unless_every_command_would_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    load_installation()
    assert hints.run("watch") == "`oversight watch`"
    load_installation(dataset="connection")
    assert hints.run("watch") == "`oversight watch --dataset connection`"
    load_installation(namespace="lab", dataset="river")
    assert hints.run("watch") == "`oversight watch --namespace lab --dataset river`"


@pytest.mark.parametrize("value", ["with-dash", "Upper", "a" * 81, "a b", "..", ".a"])
def test_a_dataset_that_no_data_stream_accepts_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=r"OVERSIGHT_DATASET=.*: a dataset has 1 to 80 characters"):
        load_installation(dataset=value)


@pytest.mark.parametrize(("given", "held"), [("", None), ("  ", None), (" abc ", "abc")])
def test_an_empty_token_is_no_token(monkeypatch: pytest.MonkeyPatch, given: str, held: str | None) -> None:
    """Compose files set unused variables to an empty text; an empty token must neither be required nor sent."""
    monkeypatch.setenv("OVERSIGHT_ENRICH_TOKEN", given)
    token = load(OversightSettings).enrich_token
    assert (token.get_secret_value() if token else None) == held


@pytest.mark.parametrize(
    ("given", "held"),
    [
        ("https://my-deploy.es.example", "https://my-deploy.es.example:443"),
        ("http://my-deploy.es.example/", "http://my-deploy.es.example:80"),
        (" http://127.0.0.1:9200/path/ ", "http://127.0.0.1:9200/path"),
        ("http://[::1]:9200", "http://[::1]:9200"),
    ],
)
def test_an_address_gets_its_port_and_loses_blanks(given: str, held: str) -> None:
    assert load(ElasticsearchSettings, url=given).url == held


@pytest.mark.parametrize(
    "given",
    [
        "127.0.0.1:9200",
        "ftp://h:1",
        "http://",
        "http://h:abc",
        "http://h:99999",
        "http://h:1?api_key=x1y2",
        "http://h:1#x1y2",
    ],
)
def test_an_invalid_address_is_refused_in_one_line(given: str) -> None:
    with pytest.raises(SettingsError, match="ELASTICSEARCH_URL") as caught:
        load(ElasticsearchSettings, url=given)
    assert "x1y2" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", ["\n", "\r\n", " "])
def test_a_line_end_after_a_key_is_dropped(monkeypatch: pytest.MonkeyPatch, ending: str) -> None:
    """Keys come from files, and files end with a line end; the client would print the key in a traceback."""
    monkeypatch.setenv("ELASTICSEARCH_API_KEY", f"c2VjcmV0{ending}")
    key = load(ElasticsearchSettings).api_key
    assert key is not None
    assert key.get_secret_value() == "c2VjcmV0"


@pytest.mark.parametrize("secret", ["a\nb", "ü", "a\x00b"])
def test_a_secret_that_no_header_accepts_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    with pytest.raises(SettingsError, match="OVERSIGHT_ENRICH_TOKEN") as caught:
        load(OversightSettings, enrich_token=secret)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("value", [float("inf"), 1e30, 0.0, -1.0])
def test_a_time_that_no_clock_supports_is_refused(value: float) -> None:
    with pytest.raises(SettingsError, match="OVERSIGHT_WATCH_POLL_INTERVAL_S"):
        load(WatchSettings, poll_interval_s=value)


def test_an_env_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("OVERSIGHT_NAMESPACE=lab".encode("utf-16"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(OversightSettings)


def test_half_of_the_credentials_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELASTICSEARCH_PASSWORD", "changeme-1234")
    with pytest.raises(
        SettingsError, match="only one of ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD is set"
    ) as caught:
        load(ElasticsearchSettings)
    assert "changeme-1234" not in str(caught.value)


def test_a_password_in_the_address_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELASTICSEARCH_URL", "http://elastic:changeme-1234@127.0.0.1:9200")
    with pytest.raises(SettingsError, match="must not contain a user name or password") as caught:
        load(ElasticsearchSettings)
    assert "changeme-1234" not in str(caught.value)


def test_a_setting_that_contradicts_another_names_both_numbers() -> None:
    with pytest.raises(SettingsError, match=r"PIT_KEEP_ALIVE_S=10\.0 must be at least twice.*REQUEST_TIMEOUT_S=30\.0"):
        load(WatchSettings, pit_keep_alive_s=10.0)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9200", "http://localhost:9200", "http://[::1]:9200", "https://far.example:9200"]
)
def test_a_secret_may_go_to_this_machine_or_over_tls(url: str) -> None:
    refuse_plain_http(url, secret=True, allowed=False)


def test_a_secret_over_plain_http_to_another_machine_needs_consent() -> None:
    with pytest.raises(SettingsError, match="OVERSIGHT_ALLOW_PLAIN_HTTP"):
        refuse_plain_http("http://far.example:9200", secret=True, allowed=False)
    refuse_plain_http("http://far.example:9200", secret=True, allowed=True)
    refuse_plain_http("http://far.example:9200", secret=False, allowed=False)


@pytest.mark.parametrize("url", ["http://localhost.evil.example:9200", "http://127.evil.example:9200"])
def test_a_name_that_only_begins_like_this_machine_is_another_machine(url: str) -> None:
    with pytest.raises(SettingsError, match="another machine"):
        refuse_plain_http(url, secret=True, allowed=False)


def test_secrets_are_masked_when_settings_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELASTICSEARCH_API_KEY", "very-secret")
    rows = {row["setting"]: row for row in rows_of(ElasticsearchSettings)}
    assert rows["ELASTICSEARCH_API_KEY"]["value"] == MASK
    assert rows["ELASTICSEARCH_API_KEY"]["from"] == "environment"
    assert rows["ELASTICSEARCH_URL"]["from"] == "default"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_generated_pages_agree_with_the_code(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "run `make format`"
