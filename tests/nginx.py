"""A real nginx in front of one of our servers, as in production."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from oversight.demo.ports import free_port
from tests.servers import stop
from tests.waiting import WAIT_S, until

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin") or ""
needs_nginx = [
    pytest.mark.nginx,
    pytest.mark.skipif(not NGINX, reason="no nginx here (Debian: apt-get install nginx-light)"),
]
CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; client_max_body_size 40m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {upstream}; proxy_http_version 1.1; proxy_set_header Connection "";
      {headers}
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, upstream: str, headers: dict[str, str], *, source: str = "127.0.0.1") -> Iterator[str]:
    """Yield the address of an nginx that forwards every request.

    Args:
        folder: folder for its files.
        upstream: address of the server behind it.
        headers: headers that it sets in each request.
        source: the loopback address that it connects from.
    """
    port = free_port()
    lines = [f'proxy_set_header {name} "{value}";' for name, value in headers.items()]
    lines.append(f"proxy_bind {source};")
    file = folder / "nginx.conf"
    file.write_text(
        CONFIGURATION.format(folder=folder, port=port, upstream=upstream, headers="\n      ".join(lines)),
        encoding="utf-8",
    )
    with (folder / "nginx.log").open("wb") as output:
        process = psutil.Popen(
            [NGINX, "-p", str(folder), "-c", str(file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        assert until(lambda: _listens(port)), (folder / "nginx.log").read_text(encoding="utf-8")
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def _listens(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/health/live", timeout=WAIT_S).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
