"""Health check of a container: exit 0 if a URL responds with 2xx, otherwise 1 with the reason.

healthy.py URL [CA_FILE]
"""

from __future__ import annotations

import ssl
import sys
import urllib.error
import urllib.request

TIMEOUT_S = 5.0


def main(url: str, ca_file: str | None = None) -> None:
    """Send one request. For any status except 2xx, urllib raises an error."""
    context = None if ca_file is None else ssl.create_default_context(cafile=ca_file)
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=context) as answer:  # noqa: S310
            sys.stdout.write(answer.read(500).decode(errors="replace") + "\n")
    except urllib.error.HTTPError as error:
        sys.exit(f"{url} answers {error.code}: {error.read(500).decode(errors='replace')}")
    except OSError as error:
        sys.exit(f"{url} does not answer: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
