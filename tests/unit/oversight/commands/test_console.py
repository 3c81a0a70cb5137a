"""What `oversight console` tells a person to type."""

from __future__ import annotations

import pytest

from common.own_program import own_program
from common.settings.connections import ElasticsearchSettings
from oversight.commands.console import program_for


@pytest.mark.parametrize(
    ("settings", "address"),
    [
        ({}, ""),
        ({"url": "http://127.0.0.1:43117"}, "ELASTICSEARCH_URL=http://127.0.0.1:43117 "),
        ({"url": "https://es.example:9200", "username": "ana", "password": "secret-word"}, ""),
    ],
    ids=["usual", "demo", "secured"],
)
def test_a_command_names_the_address_where_a_terminal_cannot_know_it(settings: dict[str, str], address: str) -> None:
    """The demo's engine has a port of its own. With a password the terminal has settings, and none may be printed."""
    assert program_for(ElasticsearchSettings(**settings)) == f"{address}{own_program()}"
