"""Read, write and delete alert rules and connectors through Kibana's alerting API, one request for each item.

GET, POST, PUT, DELETE  /api/alerting/rule/{id}        rules
the same                /api/actions/connector/{id}    connectors
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kibana.api.client import Kibana
from kibana.api.http import KibanaRefusedError
from kibana.saved_objects.alert_items import CREATE_ONLY, KINDS, AlertItem, Kind, content_of
from kibana.saved_objects.stored import NO_TIME, Key, Stored

ROUTES: Mapping[str, str] = {"rule": "/api/alerting/rule/", "connector": "/api/actions/connector/"}


class Alerting:
    """The rules and connectors of one space."""

    kinds: frozenset[str] = frozenset(KINDS)
    """Types of the items in this store."""

    def __init__(self, kibana: Kibana) -> None:
        self._kibana = kibana

    def read(self, keys: Sequence[Key]) -> dict[Key, Stored]:
        """Read the items with these keys. Leaves out those that do not exist."""
        stored = {}
        for kind, name in keys:
            response = self._ask("GET", kind, name, what=f"reading the {kind} {name}", expected=(404,))
            if response.status == 404:
                continue
            if not isinstance(response.body, Mapping):
                raise KibanaRefusedError(f"Kibana did not return the {kind} {name}; this needs Kibana 8.19 or 9.x")
            times = (str(response.body.get(key) or NO_TIME) for key in ("updated_at", "created_at"))
            stored[kind, name] = Stored(content_of(kind, response.body), *times)
        return stored

    def write(self, items: Sequence[AlertItem]) -> None:
        """Create each item, or update the existing one; connectors first, because rules refer to them."""
        for item in sorted(items, key=lambda each: KINDS.index(each.kind)):
            what = f"creating the {item.kind} {item.title!r}"
            if self._ask("POST", item.kind, item.id, what=what, body=item.body, expected=(409,)).status == 409:
                body = {key: value for key, value in item.body.items() if key not in CREATE_ONLY[item.kind]}
                self._ask("PUT", item.kind, item.id, what=f"changing the {item.kind} {item.title!r}", body=body)

    def delete(self, keys: Sequence[Key]) -> list[Key]:
        """Delete items, rules first. An item that does not exist is no error.

        Returns:
            The connectors that were kept, because another rule still sends its alerts through them.
        """
        for kind, name in keys:
            if kind == "rule":
                self._ask("DELETE", kind, name, what=f"removing the rule {name}", expected=(404,))
        connectors = [name for kind, name in keys if kind == "connector"]
        used = self._in_use() if connectors else frozenset()
        for name in connectors:
            if name not in used:
                self._ask("DELETE", "connector", name, what=f"removing the connector {name}", expected=(404,))
        return [("connector", name) for name in connectors if name in used]

    def _in_use(self) -> frozenset[str]:
        """Ids of the connectors that at least one rule refers to."""
        path = f"{self._kibana.base}/api/actions/connectors"
        body = self._kibana.http.ask("GET", path, what="listing the connectors").body
        listed = [each for each in body if isinstance(each, Mapping)] if isinstance(body, list) else []
        return frozenset(str(each.get("id")) for each in listed if each.get("referenced_by_count"))

    def _ask(self, method: str, kind: Kind | str, name: str, **more: Any) -> Any:
        return self._kibana.http.ask(method, f"{self._kibana.base}{ROUTES[kind]}{name}", **more)
