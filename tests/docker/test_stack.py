"""The whole compose file, played through: secrets, certificates, keys, a record in, a prediction out, the console.

Elasticsearch and Kibana are stand-ins (tests/docker/stand_ins). Everything else is what a user has.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
from typing import Any

import pytest

from tests.compose import mounts, read
from tests.docker.images import CHANGED, OLDER, STAND_INS
from tests.docker.stack import LINES, PROFILES, Stack
from tests.unit.docker.test_compose import ENDS_BY_ITSELF, SECRETS
from tests.waiting import WAIT_S, wait_until

pytestmark = pytest.mark.docker
SERVICES: dict[str, Any] = read(dict.fromkeys(SECRETS, "secret"))["services"]
SERVERS = sorted(set(SERVICES) - ENDS_BY_ITSELF)
ENDED = ENDS_BY_ITSELF - {"ship"}


def test_a_record_goes_in_and_a_prediction_comes_out(stack: Stack) -> None:
    """Over `ship`, the pipelines, the watcher and the enrich service, each with its own key or token."""
    found = stack.predictions(stack.ship(LINES), len(LINES))
    assert len(found) == len(LINES)
    assert {event["event"]["module"] for event in found} == {"oversight"}
    assert all(event["oversight"]["prediction"]["label"] for event in found)


def test_the_simulators_traffic_gets_predictions(stack: Stack) -> None:
    query = "host.name:simulator AND _exists_:oversight.prediction.label"
    wait_until(lambda: len(stack.search(query)) >= 20, "predictions of the simulator's traffic")
    status = json.loads(stack.compose("exec", "--no-TTY", "watcher", "oversight", "status", "--json").stdout)
    assert status["failed"] == 0
    assert [one["state"] in ("working", "idle") for one in status["watchers"]] == [True]


def test_every_server_is_healthy_and_every_setup_has_ended_well(stack: Stack) -> None:
    containers = stack.containers()
    assert stack.healthy(*SERVERS)
    ended = {name: containers[name]["State"]["ExitCode"] for name in ENDED}
    assert ended == dict.fromkeys(ENDED, 0)


def test_docker_keeps_to_the_limits_of_the_compose_file(stack: Stack) -> None:
    for name, container in stack.containers().items():
        limits = container["HostConfig"]
        assert limits["ReadonlyRootfs"], name
        assert limits["CapDrop"] == ["ALL"], name
        assert limits["Memory"] == _bytes(SERVICES[name]["mem_limit"]), name
        assert limits["PidsLimit"] == SERVICES[name]["pids_limit"], name
        assert "no-new-privileges:true" in limits["SecurityOpt"], name
        assert container["Config"]["User"] == SERVICES[name]["user"], name


def _bytes(text: str) -> int:
    return int(text[:-1]) * {"m": 1024**2, "g": 1024**3}[text[-1]]


def test_our_servers_use_less_memory_than_their_limit(stack: Stack) -> None:
    ours = [name for name in SERVERS if SERVICES[name].get("build")]
    ids = [stack.containers()[name]["Id"] for name in ours]
    lines = stack.docker.run("stats", "--no-stream", "--format", "{{.MemPerc}}", *ids).stdout.split()
    assert len(lines) == len(ours)
    assert all(float(line.rstrip("%")) < 80 for line in lines), dict(zip(ours, lines, strict=True))


def test_a_container_can_write_its_volumes_and_tmp_and_nothing_else(stack: Stack) -> None:
    places = "/ /opt/venv /opt/docker /etc /certs /certs/public /usr /state /logs /tmp"
    script = f"for at in {places}; do touch $at/x 2>/dev/null && echo $at; done; id -u; grep Cap /proc/self/status"
    done = stack.compose("run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", "sh", "simulator", "-c", script)
    writable, rest = done.stdout.split("10001\n")
    assert writable.split() == ["/state", "/logs", "/tmp"]
    held = {line.split()[1] for line in rest.splitlines() if line.startswith(("CapEff", "CapPrm", "CapBnd"))}
    assert held == {"0" * 16}
    refused = stack.compose(
        "run", "--rm", "--no-deps", "--entrypoint", "touch", "simulator", "/keys/shipper/x", check=False
    )
    assert "Read-only file system" in refused.stderr


def test_certificates_belong_to_the_images_user_and_its_group_may_read_them(stack: Stack) -> None:
    for target in mounts(SERVICES["certificates"]):
        words = ("--entrypoint", "sh", "certificates", "-c", f"stat -c '%u:%g %a %n' {target} {target}/*")
        lines = stack.compose("run", "--rm", "--no-TTY", *words).stdout.splitlines()
        assert lines[0].startswith("10001:0 750"), lines
        keys = [line for line in lines if re.search(r"(tls|transport)\.key$", line)]
        assert all(line.startswith("10001:0 640") for line in keys), lines
    assert stack.compose("run", "--rm", "certificates").stdout.count("kept ") == 5


def test_setup_services_change_nothing_the_second_time(stack: Stack) -> None:
    provisioned = stack.compose("run", "--rm", "--no-deps", "provision")
    assert re.search(r"kept +API key", provisioned.stdout), provisioned.stdout
    assert not re.search(r"(created|replaced) +API key", provisioned.stdout), provisioned.stdout
    stack.compose("run", "--rm", "--no-deps", "kibana-import")
    assert stack.compose("run", "--rm", "--no-deps", "kibana-password").stdout == "", "Kibana's password is set"


def test_a_service_without_its_key_ends_with_one_line(stack: Stack) -> None:
    given = "ELASTICSEARCH_API_KEY_FILE=/keys/watcher/none.env"
    done = stack.compose("run", "--rm", "--no-deps", "--no-TTY", "--env", given, "watcher", check=False)
    assert done.returncode == 64
    said = [line for line in done.stderr.splitlines() if "key" in line and "Container" not in line]
    assert len(said) == 1
    assert f"{given} cannot be read" in said[0]


def test_a_key_that_elasticsearch_does_not_know_opens_nothing(stack: Stack) -> None:
    """So the predictions of the other tests show that the containers use their keys."""
    headers = {"Authorization": "ApiKey bm9uZTpub25l"}
    for path in ("", "_security/_authenticate", "logs-oversight.connection-default/_search"):
        assert stack.get(f"https://localhost:9200/{path}", **headers)[0] == 401, path


def test_the_console_speaks_tls_asks_for_its_token_and_has_its_charts(stack: Stack) -> None:
    url, token = "https://localhost:8602", stack.secrets["CONSOLE_TOKEN"]
    assert stack.get(f"{url}/api/pages/triage")[0] == 401
    status, page = stack.get(f"{url}/triage", Authorization=f"Bearer {token}")
    assert status == 200, page
    status, figures = stack.get(f"{url}/api/pages/triage?from=now-24h&to=now", Authorization=f"Bearer {token}")
    assert (status, len(figures) > 1000) == (200, True), figures[:500]
    (charts,) = set(re.findall(r'/static/[^"]*vega\.js', page))
    status, script = stack.get(f"{url}{charts}", Authorization=f"Bearer {token}")
    assert (status, len(script) > 100_000) == (200, True)
    with pytest.raises(ssl.SSLCertVerificationError), socket.create_connection(("localhost", 8602), WAIT_S) as plain:
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")


@pytest.mark.parametrize("name", [name for name in SERVERS if SERVICES[name].get("ports")])
def test_a_server_is_published_on_this_machine_only(stack: Stack, name: str) -> None:
    bindings = stack.containers()[name]["NetworkSettings"]["Ports"]
    published = [each for found in bindings.values() for each in found or []]
    assert [each["HostIp"] for each in published] == ["127.0.0.1"]
    with socket.create_connection(("127.0.0.1", int(published[0]["HostPort"])), WAIT_S):
        pass


def test_a_container_reaches_only_the_servers_that_it_uses(stack: Stack) -> None:
    """By name: Docker resolves only the names of containers in a network that both have."""
    script = "\n".join(
        (
            "import concurrent.futures, socket, sys",
            "def find(name):",
            " try: socket.gethostbyname(name); return name",
            " except OSError: return ''",
            "print(*concurrent.futures.ThreadPoolExecutor(9).map(find, sys.argv[1:]))",
        )
    )
    reached = {
        name: set(stack.compose("exec", "--no-TTY", name, "python", "-c", script, *SERVERS).stdout.split()) - {name}
        for name in ("enrich", "watcher", "console", "simulator")
    }
    assert reached == {
        "enrich": {"watcher"},
        "watcher": {"elasticsearch", "enrich"},
        "console": {"elasticsearch"},
        "simulator": {"elasticsearch"},
    }


def test_no_log_holds_a_secret_or_a_stack_trace(stack: Stack) -> None:
    ours = [name for name in SERVICES if SERVICES[name].get("build")]
    logs = stack.compose("--profile", "*", "logs", "--no-color", *ours).stdout
    assert "watcher" in logs
    assert "Traceback" not in logs
    secrets = [stack.secrets[name] for name in SECRETS]
    assert not [name for name, value in zip(SECRETS, secrets, strict=True) if value in logs]


@pytest.mark.parametrize("name", SERVERS)
def test_after_a_restart_of_any_container_predictions_go_on(stack: Stack, name: str) -> None:
    before = stack.containers()[name]["State"]["StartedAt"]
    stack.compose("restart", name)
    wait_until(lambda: stack.healthy(name), f"{name} to be healthy")
    assert stack.containers()[name]["State"]["StartedAt"] != before
    wait_until(lambda: stack.healthy(*SERVERS), "every server to be healthy")
    assert stack.predictions(stack.ship(LINES), len(LINES))


@pytest.mark.parametrize("name", ["enrich", "watcher"])
def test_docker_starts_a_server_again_whose_process_was_killed(stack: Stack, name: str) -> None:
    kill = "import os, signal; os.kill(-1, signal.SIGKILL)"
    before = stack.containers()[name]["RestartCount"]
    stack.compose("exec", "--no-TTY", name, "python", "-c", kill, check=False)
    wait_until(lambda: stack.containers()[name]["RestartCount"] > before, f"a restart of {name}")
    wait_until(lambda: stack.healthy(name), f"{name} to be healthy")


def test_an_upgrade_keeps_data_keys_and_certificates(upgraded: Stack) -> None:
    before = upgraded.before
    assert before is not None
    images = {name: container["Config"]["Image"] for name, container in before.containers.items()}
    assert {image for name, image in images.items() if SERVICES[name].get("build")} == {
        f"oversight:{OLDER}",
        f"oversight-console:{OLDER}",
    }
    images = {name: container["Config"]["Image"] for name, container in upgraded.containers().items()}
    assert images == {name: STAND_INS.get(_variable(name), SERVICES[name]["image"]) for name in images}
    assert set(images) == set(SERVERS) | ENDED
    assert upgraded.fingerprints() == before.fingerprints
    assert upgraded.predictions(before.path, len(LINES)) == before.events
    assert before.pipeline.startswith("Of an older version. ")
    assert not upgraded.pipeline(CHANGED).startswith("Of an older version. ")


def _variable(service: str) -> str:
    return f"{service.upper()}_IMAGE"


def test_keys_are_rotated_as_the_page_says(stack: Stack) -> None:
    rotated = stack.compose("run", "--rm", "--no-deps", "provision", "provision", "--keys", "/keys", "--rotate-keys")
    assert "API key" in rotated.stdout
    stack.compose(*PROFILES, "restart", "watcher", "simulator", "console")
    wait_until(lambda: stack.healthy(*SERVERS), "every server to be healthy")
    assert stack.predictions(stack.ship(LINES), len(LINES))


def test_down_with_volumes_leaves_nothing(stack: Stack) -> None:
    assert stack.left()
    stack.down()
    assert stack.left() == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 9200), WAIT_S)
