"""Set the password of Elasticsearch's built-in user `kibana_system`, with which Kibana signs in.

    ELASTICSEARCH_URL, ELASTICSEARCH_USERNAME, ELASTICSEARCH_PASSWORD, ELASTICSEARCH_CA_CERTS   who sets it
    KIBANA_SYSTEM_PASSWORD                                                                      the new password

If the password is already set, nothing changes.
"""

from __future__ import annotations

import os
import sys

from elasticsearch import ApiError, AuthenticationException, Elasticsearch, TransportError

USER = "kibana_system"


def main() -> None:
    """Set the password, unless it is already set."""
    password = os.environ["KIBANA_SYSTEM_PASSWORD"]
    try:
        with _client(os.environ["ELASTICSEARCH_USERNAME"], os.environ["ELASTICSEARCH_PASSWORD"]) as es:
            if not _signs_in(password):
                es.security.change_password(username=USER, password=password)
                sys.stdout.write(f"{USER} has the password of KIBANA_SYSTEM_PASSWORD now\n")
    except (ApiError, TransportError) as error:
        line = (str(error.message).splitlines() or [type(error).__name__])[0]
        sys.exit(
            f"the password of {USER} could not be set ({line[:200]}); see that Elasticsearch is up, and .env "
            "as it was made"
        )


def _signs_in(password: str) -> bool:
    """Whether Kibana can sign in with the password."""
    with _client(USER, password) as es:
        try:
            es.security.authenticate()
        except AuthenticationException:
            return False
    return True


def _client(username: str, password: str) -> Elasticsearch:
    return Elasticsearch(
        os.environ["ELASTICSEARCH_URL"],
        basic_auth=(username, password),
        ca_certs=os.environ["ELASTICSEARCH_CA_CERTS"],
        request_timeout=30,
    )


if __name__ == "__main__":
    main()
