"""Runs in the stand-in for Kibana's container: tests/kibana_server.py with the compose file's addresses and secrets.

Like Kibana, it is available only when Elasticsearch accepts its own password, and it asks Elasticsearch who may sign
in.
"""

from __future__ import annotations

import os
import signal
import ssl
import threading
import urllib.error
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.kibana_server import FakeKibana, Reply, failure, serving

ELASTICSEARCH = os.environ["ELASTICSEARCH_HOSTS"]
TRUSTED = ssl.create_default_context(cafile=os.environ["ELASTICSEARCH_SSL_CERTIFICATEAUTHORITIES"])
TIMEOUT_S = 30.0
ADDRESS = ("0.0.0.0", 5601)  # noqa: S104  only other containers reach it


@dataclass
class SignedIn(FakeKibana):
    """A server whose users are those of Elasticsearch."""

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """Respond to a signed-in user; anybody may ask for the status, as the health check does."""
        if urlsplit(path).path == "/api/status":
            own = f"{os.environ['ELASTICSEARCH_USERNAME']}:{os.environ['ELASTICSEARCH_PASSWORD']}"
            self.level = "available" if _accepted(f"Basic {b64encode(own.encode()).decode()}") else "critical"
        elif not _accepted(headers.get("authorization", "")):
            return failure(401, "[security_exception]: unable to authenticate")
        return super().answer(method, path, headers, body)


def _accepted(authorization: str) -> bool:
    request = urllib.request.Request(
        f"{ELASTICSEARCH}/_security/_authenticate", headers={"Authorization": authorization}
    )
    try:
        with urllib.request.urlopen(request, context=TRUSTED, timeout=TIMEOUT_S):
            return True
    except urllib.error.URLError:
        return False


def main() -> None:
    """Serve until SIGTERM."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    certificate = Path(os.environ["SERVER_SSL_CERTIFICATE"])
    assert certificate.with_suffix(".key") == Path(os.environ["SERVER_SSL_KEY"])
    with serving(SignedIn(), ADDRESS, certificate):
        ended.wait()


if __name__ == "__main__":
    main()
