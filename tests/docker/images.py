"""Images of the tests: the base image, the stand-ins, and checkouts of which our own are built.

The machine's certificate authorities and its address of the package index are in the base image, as in a company that
has its own; so the Dockerfile is built as it is.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

from contract.distribution import own_version
from tests.conftest import QUICK_JAVA, REAL_ENGINE, ROOT, newest_jdk
from tests.docker import tools
from tests.docker.engine import DOCKER, Engine

BASE = "oversight-test-base"
STAND_INS = {"ELASTICSEARCH_IMAGE": "oversight-test-elasticsearch:9", "KIBANA_IMAGE": "oversight-test-kibana:9"}
"""Variable of the compose file, and the image that it gets."""
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
OLDER = "0.0.9"
CHANGED = "json"
"""The older version has another form of this pipeline."""


def base(docker: Engine) -> str:
    """Import the base image, with what pip needs on this machine. Return its name."""
    docker.run("import", tools.ROOT_FILES, f"{BASE}:plain")
    ask = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    index = subprocess.run(ask, capture_output=True, text=True, check=False)
    pip = f"[global]\ncert = {AUTHORITIES}\n" + (f"index-url = {index.stdout}" if index.returncode == 0 else "")
    authorities = Path(os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE") or AUTHORITIES)
    steps = f"FROM {BASE}:plain\nCOPY authorities {AUTHORITIES}\nCOPY pip.conf /etc/pip.conf\n"
    build(docker, {"authorities": authorities, "pip.conf": pip, "Dockerfile": steps}, f"{BASE}:here")
    return f"{BASE}:here"


def stand_ins(docker: Engine, base_image: str) -> None:
    """Build the stand-ins for Elasticsearch's and Kibana's images."""
    scripts = ROOT / "tests" / "docker" / "stand_ins"
    packages = [Path(str(distribution(name).locate_file(name))) for name in ("urllib3",)]
    python = {f"python/{path.name}": path for path in packages}
    for path in (
        ROOT / "tests" / name for name in ("__init__.py", "router.py", "kibana_server.py", "docker/__init__.py")
    ):
        python[f"python/{path.relative_to(ROOT)}"] = path
    python["python/tests/docker/stand_ins"] = scripts
    kibana = {"Dockerfile": scripts / "Dockerfile", **python}
    build(docker, kibana, STAND_INS["KIBANA_IMAGE"], "--target=kibana", f"--build-arg=BASE_IMAGE={base_image}")
    java = newest_jdk()[1]
    engines = {"realengine": REAL_ENGINE, f"jvm/{java.name}": java}
    engines |= {f"homes/{path.name}": path for path in _homes()}
    elasticsearch = {**kibana, **engines}
    options = (f"--build-arg=BASE_IMAGE={base_image}", f"--build-arg=JAVA_OPTIONS={QUICK_JAVA['JDK_JAVA_OPTIONS']}")
    build(docker, elasticsearch, STAND_INS["ELASTICSEARCH_IMAGE"], *options)


def _homes() -> list[Path]:
    """Assemble both engines, if they are not yet; return their folders and the shim."""
    environment = {**os.environ, "REALENGINE_JDK": str(newest_jdk()[1])}
    done = [
        subprocess.run([REAL_ENGINE / "assemble.sh", name], capture_output=True, text=True, check=True, env=environment)
        for name in ("opensearch", "elasticsearch")
    ]
    homes = [Path(one.stdout.strip()) for one in done]
    return [*homes, *homes[0].parent.glob("shim-*")]


def build(docker: Engine, files: Mapping[str, Path | str], tag: str, *options: str) -> None:
    """Build an image from a context of these files and folders, or texts, by their names in it."""
    command = [DOCKER, "build", "--network=host", f"--tag={tag}", *options, "-"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=docker.environment
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        with (
            process.stdin,
            tarfile.open(fileobj=process.stdin, mode="w|", dereference=True, format=tarfile.GNU_FORMAT) as context,
        ):
            for name, content in files.items():
                if isinstance(content, Path):
                    context.add(content, name, filter=_needed)
                else:
                    info = tarfile.TarInfo(name)
                    info.size = len(content.encode())
                    context.addfile(info, io.BytesIO(content.encode()))
        output = process.stdout.read().decode()
    assert process.returncode == 0, f"docker build of {tag}: {output[-3000:]}"


def _needed(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Leave out caches, what a JDK has for compilers only, and what an engine left in its home."""
    left_out = re.search(r"/(__pycache__|jmods|src\.zip|legal|man)$|^homes/[^/]+/(data|logs)(/|$)", info.name)
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return None if left_out else info


def checkout(folder: Path) -> Path:
    """Copy what `docker build` and Compose use of this checkout, over what is in the folder."""
    ignore = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    names = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    for name in (*names, "Dockerfile", ".dockerignore", "docker-compose.yml", "Makefile"):
        shutil.rmtree(folder / name, ignore_errors=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "trainings"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def make_older(folder: Path) -> None:
    """Turn a checkout into that of an older version, whose image has another name and whose pipeline differs."""
    for name in ("pyproject.toml", "docker-compose.yml"):
        text = (folder / name).read_text(encoding="utf-8")
        assert own_version() in text
        (folder / name).write_text(text.replace(own_version(), OLDER), encoding="utf-8")
    pipeline = folder / "es_pipelines" / "pipelines" / f"{CHANGED}.yml"
    text = pipeline.read_text(encoding="utf-8")
    assert text.startswith("description: ")
    pipeline.write_text(text.replace("description: ", "description: Of an older version. ", 1), encoding="utf-8")
