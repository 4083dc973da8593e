"""deploy/kubernetes/vsm.yaml speaks of options, ports and pages that this server has."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.functional.conftest import Server
from tests.functional.test_startup import fetch
from vsm_server.config import ENVIRONMENT_PREFIX, OPTIONS, read_config

ROOT = Path(__file__).parents[2]
MANIFEST = ROOT / "deploy" / "kubernetes" / "vsm.yaml"


@pytest.fixture
def parts() -> dict[str, Any]:
    """What the manifest makes, by kind."""
    return {part["kind"]: part for part in yaml.safe_load_all(MANIFEST.read_text())}


def pod_of(parts: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pod and its one container."""
    pod = parts["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    return pod, container


def test_environment_is_a_configuration(parts: dict[str, Any]) -> None:
    """Each variable is one of an option and has a value that it takes; the ports are those that the server then listens on."""
    pod, container = pod_of(parts)
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert environment.keys() <= {f"{ENVIRONMENT_PREFIX}{option.name.upper()}" for option in OPTIONS}
    config = read_config({}, environment)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": config.listen.port, "http": config.http.port}
    assert {port["name"]: port["port"] for port in parts["Service"]["spec"]["ports"]} == ports
    assert not config.listen.is_loopback
    assert pod["terminationGracePeriodSeconds"] >= config.drain_delay_s + config.drain_grace_s + 10
    mounts = [Path(mount["mountPath"]) for mount in container["volumeMounts"]]
    for path in (config.data_dir, config.tls_cert, config.tls_key):
        assert path is not None
        assert any(mount in path.parents for mount in mounts)


def test_one_server_without_rights(parts: dict[str, Any]) -> None:
    """One replica on a volume of its own, as the user of the image, with a read-only root and no capability."""
    pod, container = pod_of(parts)
    (user,) = re.findall(r"^USER (\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert parts["StatefulSet"]["spec"]["replicas"] == 1
    assert [claim["metadata"]["name"] for claim in parts["StatefulSet"]["spec"]["volumeClaimTemplates"]] == ["data"]
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, int(user))
    secure = container["securityContext"]
    assert (secure["readOnlyRootFilesystem"], secure["allowPrivilegeEscalation"], secure["capabilities"]) == (
        True,
        False,
        {"drop": ["ALL"]},
    )
    assert parts["Service"]["spec"]["clusterIP"] == "None"


def test_probes_ask_for_pages_that_are_there(server: Server, parts: dict[str, Any]) -> None:
    """A running server answers 200 to each probe; the port is one of the container, HTTPS because there is a certificate."""
    _, container = pod_of(parts)
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        probe = container[kind]["httpGet"]
        assert (probe["port"], probe["scheme"]) == ("http", "HTTPS")
        assert fetch(server, probe["path"])[0] == 200
