"""The image's steps in a clean folder, and each of our services as the compose file starts it, over TLS, with its own
key.

Docker is not installed here: `tests.image` describes its replacement. Elasticsearch is two engines behind one URL
(`tests.router`), because no test engine has both pipelines and security; Kibana is a test server
(`tests.kibana_server`).
"""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from elasticsearch import Elasticsearch

from benchmarks.es_pipelines.removal import remove
from contract.documents.fields import stream_name
from oversight.demo.ports import free_port
from tests.compose import mounts, read
from tests.conftest import ROOT
from tests.given_engines import PASSWORD
from tests.image import Image, Machine, build, why_not
from tests.kibana_server import fake_kibana
from tests.router import routed
from tests.waiting import WAIT_S, until
from watcher.operations.status import read_status

NAMESPACE = f"image{free_port()}"
"""A different one in each test run."""
SERVICES: dict[str, Any] = read(
    {
        "ELASTIC_PASSWORD": PASSWORD,
        "KIBANA_SYSTEM_PASSWORD": "of-kibana-1",
        "KIBANA_ENCRYPTION_KEY": "k" * 48,
        "ENRICH_TOKEN": "token-of-the-service",
        "CONSOLE_TOKEN": "token-of-the-console",
        "OVERSIGHT_NAMESPACE": NAMESPACE,
    }
)["services"]
LIMIT_BYTES = 512 * 1024 * 1024


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The result of the Dockerfile."""
    if why_not():
        pytest.skip(why_not())
    return build(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def machine(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """The machine of the containers, with certificates."""
    made = Machine(image, tmp_path_factory.mktemp("volumes"))
    try:
        done = made.run(SERVICES["certificates"])
        assert done.returncode == 0, done.stderr
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def stack(machine: Machine, embedded_url: str, secured_url: str) -> Iterator[Machine]:
    """The machine with `elasticsearch:9200` over TLS, provisioned as by the compose file, with keys."""
    with (
        routed(embedded_url, secured_url, certificates=_certificates(machine, "elasticsearch")) as url,
        machine.connected(9200, url.removeprefix("https://")),
    ):
        yield machine
    with routed(embedded_url, secured_url) as url, Elasticsearch(url, basic_auth=("elastic", PASSWORD)) as es:
        remove(es, NAMESPACE)


def _certificates(machine: Machine, server: str) -> Path:
    return machine.volume(f"certs-{server}", f"/certs/{server}")


def test_the_image_has_the_program_its_model_and_its_scripts_and_no_other_source(image: Image) -> None:
    (site,) = (image.root / "opt/venv/lib").glob("python3*/site-packages")
    assert (site / "models/kdd99-mlp/model.onnx").read_bytes() == (ROOT / "models/kdd99-mlp/model.onnx").read_bytes()
    assert sorted(path.name for path in (image.root / "opt").iterdir()) == ["docker", "venv"]
    assert {path.name for path in (image.root / "opt/docker").iterdir()} == {
        path.name for path in (ROOT / "docker").iterdir() if path.is_file()
    }
    assert not (site / "tests").exists()
    assert not list(site.glob("tensorflow*"))
    assert image.user == "10001:0"


def test_a_container_can_write_its_volumes_and_tmp_and_nothing_else(machine: Machine) -> None:
    places = "/ /opt/venv /opt/docker /etc /certs /certs/public /usr /state /logs /tmp"
    script = (
        f"for at in {places}; do touch $at/x 2>/dev/null && echo $at; done; id -u; grep Cap "
        "/proc/self/status; touch /keys/shipper/x"
    )
    service = {**SERVICES["simulator"], "entrypoint": ["/bin/sh", "-c", script], "command": []}
    done = machine.run(service)
    writable, rest = done.stdout.split("10001\n")
    assert writable.split() == ["/state", "/logs", "/tmp"]
    assert {line.split()[1] for line in rest.splitlines() if line.startswith(("CapEff", "CapPrm", "CapBnd"))} == {
        "0" * 16
    }
    assert "Read-only file system" in done.stderr


def test_certificates_belong_to_the_images_user_and_its_group_may_read_them(machine: Machine) -> None:
    for target, (volume, _) in mounts(SERVICES["certificates"]).items():
        folder = machine.volume(volume, target)
        assert (folder.stat().st_uid, folder.stat().st_gid) == (10001, 0)
        for key in (*folder.glob("tls.key"), *folder.glob("transport.key")):
            assert (key.stat().st_gid, stat.S_IMODE(key.stat().st_mode)) == (0, 0o640)
    assert machine.run(SERVICES["certificates"]).stdout.count("kept ") == 5


def test_a_service_without_its_secret_fails_with_one_line(machine: Machine) -> None:
    environment = {**SERVICES["watcher"]["environment"], "ELASTICSEARCH_API_KEY_FILE": "/keys/watcher/none.env"}
    done = machine.run({**SERVICES["watcher"], "environment": environment})
    assert done.returncode == 64
    assert "ELASTICSEARCH_API_KEY_FILE=/keys/watcher/none.env cannot be read" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@contextlib.contextmanager
def _up(stack: Machine, folder: Path, *names: str) -> Iterator[dict[str, psutil.Popen]]:
    """Start services in the order of their dependencies, each after the previous one is healthy."""
    with contextlib.ExitStack() as running:
        started = {}
        for name in names:
            log = folder / f"{name}.log"
            started[name] = running.enter_context(stack.running(SERVICES[name], log))
            said = stack.healthy(SERVICES[name])
            assert said == "", f"{name} is not healthy: {said} {log.read_text(encoding='utf-8')[-2000:]}"
        yield started


@pytest.mark.elasticsearch
def test_each_of_our_services_runs_as_the_compose_file_starts_it(
    stack: Machine, embedded_url: str, secured_url: str, tmp_path: Path
) -> None:
    """Events of the simulator and of a shipped file get their predictions; all health checks are green."""
    for name in ("kibana-password", "provision", "provision"):
        done = stack.run(SERVICES[name])
        assert done.returncode == 0, done.stderr
    assert done.stdout.count("kept        API key") == 4
    with Elasticsearch(secured_url, basic_auth=("kibana_system", "of-kibana-1"), request_timeout=WAIT_S) as es:
        assert es.security.authenticate()["username"] == "kibana_system"
    with fake_kibana() as kibana, routed(kibana.url, secured_url, certificates=_certificates(stack, "kibana")) as url:
        with stack.connected(5601, url.removeprefix("https://")):
            imported = stack.run(SERVICES["kibana-import"])
        assert imported.returncode == 0, imported.stderr
    logs = stack.volume("logs", "/logs")
    lines = (ROOT / "tests" / "golden" / "csv" / "plain.log").read_text(encoding="utf-8")
    (logs / "alpha.csv").write_text(lines, encoding="utf-8")
    with _up(stack, tmp_path, "enrich", "watcher", "console", "simulator") as started:
        shipped = stack.run(SERVICES["ship"], "/logs/alpha.csv")
        assert shipped.returncode == 0, shipped.stderr
        with Elasticsearch(embedded_url, request_timeout=WAIT_S) as es:
            look = partial(read_status, es, stream_name(NAMESPACE), namespace=NAMESPACE)
            until(lambda: (status := look()).enriched >= 20 and bool(status.watchers))
            status = look()
        assert status.enriched >= 20
        assert status.failed == 0
        assert status.watchers is not None
        assert [one.state in ("working", "idle") for one in status.watchers] == [True]
        for name, process in started.items():
            used = sum(one.memory_info().rss for one in [process, *process.children(recursive=True)])
            assert used < 0.8 * LIMIT_BYTES, f"{name} uses {used:,} bytes"
    for name in started:
        text = (tmp_path / f"{name}.log").read_text(encoding="utf-8")
        assert "Traceback" not in text
        assert not [secret for secret in (PASSWORD, "token-of-the-service", "token-of-the-console") if secret in text]
