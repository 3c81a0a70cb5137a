"""One service for the tests of a module; every test leaves it with the first version."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.enrich_service.swap_bench import expectation
from enrich_service.model.pointer import Pointer, version_path, write_pointer
from tests.integration.enrich_service.versions.live import SOURCES, Live, variant
from tests.servers import running
from tests.waiting import until


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The service that these tests share."""
    work = tmp_path_factory.mktemp("swap")
    files = [variant(work / f"{number}.onnx", number) for number in (1, 2)]
    expected = dict(expectation(file, SOURCES) for file in files)
    first, second = expected
    folder = work / "live"
    (folder / "versions").mkdir(parents=True)
    for file, version in zip(files, expected, strict=True):
        version_path(folder, version).write_bytes(file.read_bytes())
    write_pointer(folder, Pointer(first))
    with running(folder, options=["--workers", "2"]) as service:
        yield Live(service, folder, (first, second), expected)


@pytest.fixture(autouse=True)
def _serving_the_first(live: Live) -> Iterator[None]:
    """Every test begins and ends with the first version on both workers."""
    yield
    live.point(active=live.versions[0], shadow=None)
    assert until(lambda: live.all_serve(live.versions[0]))
    assert "Traceback" not in live.log()
