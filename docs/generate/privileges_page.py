"""Generates docs/privileges.md: each part's privileges and their use, from the table of roles and keys."""

from __future__ import annotations

from collections.abc import Callable

from contract.documents.datasets import CONNECTION
from es_pipelines.resources.all_kinds import KINDS
from es_pipelines.resources.kind import Need
from es_pipelines.security.roles import PARTS, Part, role_name

NAMESPACE = "NAMESPACE"


def privileges_page(note: str) -> str:
    """Return the page. `note` says where it comes from."""
    lines = ["# Roles and API keys", "", note, "", *INTRODUCTION]
    for part in PARTS.values():
        lines += _part(part)
    lines += ["", "## The user who provisions", "", *PROVISIONER, "", "| privilege | on | request |", "|---|---|---|"]
    needs = [need for kind in KINDS.values() for need in kind.needs]
    lines += dict.fromkeys(map(_need, [Need("monitor", "GET _cluster/health"), *needs]))
    return "\n".join(lines) + "\n"


def _part(part: Part) -> list[str]:
    lines = ["", f"## {part.name}", "", f"{part.does}. Role and key: `{role_name(part.name, NAMESPACE)}`.", ""]
    lines += [f"A person with this key can read {part.sees}.", ""]
    lines += ["| privilege | on | for |", "|---|---|---|"]
    lines += [f"| `{name}` | the cluster | {does} |" for name, does in part.cluster.items()]
    for grant in part.grants:
        lines += [f"| `{name}` | `{_index(grant.index)}` | {does} |" for name, does in grant.privileges.items()]
    return lines + [f"| `{name}` | Kibana's default space | viewing dashboards |" for name in part.kibana]


def _index(name: Callable[[str, str], str]) -> str:
    return name(NAMESPACE, CONNECTION)


def _need(need: Need) -> str:
    return f"| `{need.privilege}` | {'the stream' if need.index else 'the cluster'} | `{need.request}` |"


INTRODUCTION = """\
If Elasticsearch has security, `oversight provision` creates a role for each part. Use the `dashboards` role for
people, and the others for keys that you create by hand. `oversight provision --keys FOLDER` also creates an API key
for each part:

<!-- not run: needs a cluster with security; tests/integration/es_pipelines/security runs each of these -->
```sh
oversight provision --keys keys                  # write keys/PART/key.env (private), keep existing files
oversight provision --keys keys --dataset river  # write keys/river/PART/key.env
oversight provision --keys keys --key-expiry 90d # new keys expire after 90 days
oversight provision --keys keys --rotate-keys    # create new keys for all parts, then invalidate the old ones
oversight provision --remove                     # delete roles and keys with everything else
```

A role or key reaches one dataset. The names below are those of the dataset `connection`; any other has `DATASET-`
in front of `NAMESPACE`.

Copy each part's file to its machine. Set `ELASTICSEARCH_API_KEY_FILE` to the file, or copy its line into `.env`.
Filebeat and Logstash need the key decoded, as `id:secret`.

You need a user with a password to create keys, because a key cannot create keys. A key never has more privileges than
its creator. If it would have fewer than its part needs, it is invalidated at once, and the message names the
privilege that you lack. If a new version needs more privileges, run the same command again: it adds them to the
existing keys and keeps their secrets.

`oversight check` reads the key or user of the settings, finds the part that it fits best, and prints every privilege
that this part does not need.

A shipper also works without `read` and `indices:admin/refresh`, and then cannot read events. Create such a key by
hand (`POST _security/api_key`) from the other rows of its table. The shipper then knows what it sent from its
registry, and from Elasticsearch, which refuses an id that exists. Ids are unique only within one backing index, so a
line may be stored twice in two cases: a response is lost and the stream rolls over before the next try, or the
registry (`OVERSIGHT_STATE`) is lost after a rollover. `oversight ship` says so when it starts.

No name below is a pattern, so several installations can share a cluster. Privileges on a data stream include its
backing indices. Only the watcher and the analyst can change events. No part can delete events or create the stream.

Elasticsearch has no privileges for single fields of a write. A key that may write a verdict may change every field of
an event, so the analyst's key is as powerful as the watcher's. Give it to the console that runs with `--verdicts`, not
to people: the console checks who writes, writes nothing but `oversight.feedback.*`, and logs each write.
""".splitlines()
PROVISIONER = """\
The user who runs `oversight provision` needs these privileges; the command names a missing one at once. Without
`manage_security` it creates no roles and no keys, and provisions the rest. To create keys, the user also needs every
privilege of the keys.
""".splitlines()
