"""Shared servers and data of tests: the embedded engine in every run, real engines and data sets where available."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch
from filelock import FileLock
from hypothesis import settings

from contract import hints
from oversight.config import logs
from oversight.demo import embedded
from oversight.demo.children import Children
from oversight.demo.ports import free_port
from tests import given_engines, guardian, transport, warm
from tests.garbage import pytest_collection  # noqa: F401  a hook of pytest
from tests.given_engines import PASSWORD
from tests.guarded import (  # noqa: F401  hooks of pytest
    pytest_configure,
    pytest_runtest_teardown,
    pytest_sessionfinish,
    pytest_terminal_summary,
    pytest_unconfigure,
)
from tests.order import pytest_collection_modifyitems  # noqa: F401  a hook of pytest
from tests.waiting import WAIT_S, wait_until

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("OVERSIGHT_TEST_SHARED", ROOT.parent / "shared"))
REAL_ENGINE = SHARED / "realengine"
JAVA_NEEDED = 21
QUICK_JAVA = {
    "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
}
"""For engines that run for minutes: the second compiler takes half of their processor time and never pays off.
Verifying the bytecode of released packages takes a twelfth of a start."""
ENGINES = (
    "embedded",
    pytest.param("opensearch", marks=pytest.mark.opensearch),
    pytest.param("elasticsearch", marks=pytest.mark.elasticsearch),
)
"""Parameters of a fixture or test that runs on each engine. `ENGINE_url` is the fixture with its address."""
RUN_FOLDER = guardian.MARK
"""Environment variable: a folder that all processes of this test run share (pytest-xdist starts several)."""

ROOT_LEVEL = logging.root.level
"""Level of the root logger before any test."""

sys.path.append(f"{sys.prefix}/formats")  # pyarrow and tf_keras, only in this process (pyproject.toml says why)

settings.register_profile("oversight", deadline=None)  # durations only show how busy the machine is
settings.load_profile("oversight")


def pytest_report_header() -> list[str]:
    """Show which shared data and engines this run can use, and which tests it leaves out."""
    given = [engine for engine in given_engines.ENGINES if given_engines.address(engine)]
    real = f"{', '.join(given)} given; others: " if given else ""
    real += why_no_real_engine() or "available"
    return [
        f"shared data: {SHARED if SHARED.is_dir() else 'absent'}",
        f"real engines: {real}",
        "containers: only `make test-docker` runs these tests; they need the memory and ports of a whole stack",
    ]


def newest_jdk() -> tuple[int, Path]:
    """Return the major version and the folder of this machine's newest JDK; version 0 without one."""
    found = [(0, Path())]
    for release in Path("/usr/lib/jvm").glob("*/release"):
        match = re.search(r'^JAVA_VERSION="(\d+)', release.read_text(encoding="utf-8"), re.MULTILINE)
        found += [(int(match[1]), release.parent)] if match else []
    return max(found)


def why_no_real_engine() -> str:
    """Return why the real engines cannot be started here; empty if they can."""
    if not (REAL_ENGINE / "start.sh").is_file():
        return f"no real engine at {REAL_ENGINE}"
    if newest_jdk()[0] < JAVA_NEEDED:
        return f"no JDK of {JAVA_NEEDED} or newer under /usr/lib/jvm"
    return ""


@pytest.fixture(scope="session")
def embedded_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of an embedded engine that runs until the end of the test run."""
    children = Children(tmp_path_factory.mktemp("embedded"))
    _, url = embedded.start(children)
    yield url
    children.stop_all()


def _real_engine(engine: str) -> str:
    """Return the address of this test run's real engine. The first process that asks starts it."""
    return given_engines.address(engine) or _own_engine(engine)


def _own_engine(engine: str) -> str:
    if reason := why_no_real_engine():
        pytest.skip(reason)
    folder = _folder_of(engine)
    with FileLock(folder.with_suffix(".lock")):
        address = folder / "address"
        if not address.exists():
            folder.mkdir(exist_ok=True)
            address.write_text(_start_real_engine(folder, engine), encoding="utf-8")
        return address.read_text(encoding="utf-8")


def _folder_of(engine: str) -> Path:
    return Path(os.environ[RUN_FOLDER]) / engine


def _start_real_engine(folder: Path, engine: str) -> str:
    port = free_port()
    environment = {**QUICK_JAVA, **os.environ, guardian.OWNER: guardian.RUN, "ENGINE": engine, "HEAP": "2g"}
    if engine == "secured":
        environment |= {"ENGINE": "elasticsearch", "SECURITY": "1", "ELASTIC_PASSWORD": PASSWORD, "HEAP": "1g"}
        environment["NODE_SETTINGS"] = transport.prepare_node(folder)
    started = subprocess.run(
        [REAL_ENGINE / "start.sh", str(port), folder], env=environment, capture_output=True, text=True, check=False
    )
    assert "READY" in started.stdout, f"{engine} did not start: {started.stdout[-500:]} {started.stderr[-2000:]}"
    url = f"http://127.0.0.1:{port}"
    if engine == "secured":
        wait_for_security(url, PASSWORD)
    return url


def wait_for_security(url: str, password: str) -> None:
    """Wait for the security index. Until it is ready, the node responds but refuses every password with 401."""
    with Elasticsearch(url, basic_auth=("elastic", password), request_timeout=WAIT_S) as client:

        def accepted() -> bool:
            with contextlib.suppress(ApiError, TransportError):
                return bool(client.security.create_api_key(name="oversight-test-ready", refresh="wait_for"))
            return False

        wait_until(accepted, f"the secured engine at {url} to accept a password")


@pytest.fixture(scope="session")
def opensearch_url() -> str:
    """Address of a real OpenSearch (pipelines, data streams) that runs until the end of the test run."""
    return _real_engine("opensearch")


@pytest.fixture(scope="session")
def elasticsearch_url() -> str:
    """Address of a real Elasticsearch 8.19 (no pipelines, no data streams) that runs until the end of the test run."""
    return _real_engine("elasticsearch")


@pytest.fixture(scope="session")
def secured_url() -> str:
    """Address of a real Elasticsearch 8.19 with security; the password of `elastic` is PASSWORD."""
    return _real_engine("secured")


@pytest.fixture(scope="session")
def secured_folder() -> Path:
    """Folder of this test run's own Elasticsearch with security, even if the developer has another one."""
    _own_engine("secured")
    return _folder_of("secured")


@pytest.fixture(params=["embedded", pytest.param("opensearch", marks=pytest.mark.opensearch)])
def engine_url(request: pytest.FixtureRequest) -> str:
    """Each engine that has ingest pipelines, in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def es(engine_url: str) -> Iterator[Elasticsearch]:
    """A client for each engine that has ingest pipelines, in turn."""
    with Elasticsearch(engine_url, request_timeout=WAIT_S) as client:
        yield client


@pytest.fixture(scope="session", autouse=True)
def _no_warm_parent_is_left() -> Iterator[None]:
    """End the parent of the tests' commands (tests/warm.py) with the session."""
    yield
    warm.end()


@pytest.fixture
def namespace() -> str:
    """A namespace that no other test uses, so that tests can share a cluster."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def _no_installation_of_another_test() -> None:
    """Reset the installation: a command sets it for the whole process, and tests run many commands in one."""
    hints.installation(hints.DEFAULT_NAMESPACE)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of data sets."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}")
    return folder


@pytest.fixture(autouse=True)
def log_set_up_as_before() -> Iterator[None]:
    """Undo a command's changes to the loggers of this process: its handlers would write to a closed stream.

    A fixture of a module may run a command before the first test. So the loggers get what they had when the session
    began: only pytest's own handlers, and the session's level.
    """
    _undo_log_setup()
    yield
    _undo_log_setup()


def _undo_log_setup() -> None:
    kept = [handler for handler in logging.root.handlers if type(handler).__module__.startswith("_pytest.")]
    logging.root.handlers[:] = kept
    logging.root.setLevel(ROOT_LEVEL)
    for name in logs.ROOTS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
