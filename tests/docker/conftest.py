"""The Docker engine, the images and the running stack, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import why_no_real_engine
from tests.docker import images, tools
from tests.docker.engine import Engine, NotAvailableError, engine, try_container
from tests.docker.stack import LINES, PROFILES, Before, Stack


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    """A Docker engine."""
    try:
        with engine() as found:
            yield found
    except NotAvailableError as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="session")
def base_image(docker: Engine) -> str:
    """The base image. One container of it has run."""
    if reason := tools.why_no_base() or tools.why_no_compose():
        pytest.skip(reason)
    name = images.base(docker)
    try:
        try_container(docker, name)
    except NotAvailableError as reason:
        pytest.skip(str(reason))
    return name


@pytest.fixture(scope="session")
def upgraded(docker: Engine, base_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation of an older version, upgraded to this one over its volumes, as docs/docker.md says."""
    if reason := why_no_real_engine():
        pytest.skip(reason)
    images.stand_ins(docker, base_image)
    replaced = {**images.STAND_INS, "BASE_IMAGE": base_image}
    made = Stack(docker, images.checkout(tmp_path_factory.mktemp("checkout")), replaced)
    images.make_older(made.folder)
    made.write_env()
    try:
        made.build()
        made.up(*PROFILES)
        path = made.ship(LINES)
        events = made.predictions(path, len(LINES))
        made.before = Before(made.containers(), made.fingerprints(), path, events, made.pipeline(images.CHANGED))
        images.checkout(made.folder)
        made.build()
        made.up(*PROFILES)
        yield made
    finally:
        made.down()


@pytest.fixture
def stack(upgraded: Stack) -> Stack:
    """The running stack. A test may have taken it down; then it is started again."""
    if not upgraded.left():
        upgraded.up(*PROFILES)
    return upgraded
