"""The local Hub, held against other clients of the Hub, used unchanged: what they can't do with it, ours wouldn't prove."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.hub.conftest import TOKEN
from tests.hub.hub import FOR_EVER, WOKEN, Told
from tests.servers.environments import interpreter, known_versions

if TYPE_CHECKING:
    from tests.hub.hub import LocalHub

SCRIPT = Path(__file__).parents[1] / "servers" / "hub_clients.py"


def run(what: str, hub: LocalHub, folder: Path, **environment: str) -> dict[str, Any]:
    certificate = str(hub.write_authority(folder / "authority.pem"))
    done = subprocess.run(
        [str(interpreter(known_versions()[-1])), str(SCRIPT), what, TOKEN],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={
            "HOME": str(folder),
            "PATH": "/usr/bin:/bin",
            "SSL_CERT_FILE": certificate,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "GRADIO_ANALYTICS_ENABLED": "False",
            **environment,
        },
        timeout=55,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def test_huggingface_hub(hub: LocalHub, tmp_path: Path) -> None:
    original = hub.add("user/space-name")
    hub.add("me/private", private=True)
    hub.build = [("BUILDING", FOR_EVER)]
    found = run("huggingface_hub", hub, tmp_path, HF_ENDPOINT=hub.url)
    assert found["whoami"] == "me"
    assert found["space_info"] == ["user/space-name", False, original.host, "user-space-name", "RUNNING"]
    assert found["runtime"] == ["RUNNING", "cpu-basic", "cpu-basic", 172800]
    assert found["missing"].startswith("RepositoryNotFoundError: 404")
    assert found["private"].startswith("RepositoryNotFoundError: 401")
    assert found["own private"][:2] == ["me/private", True]
    assert found["duplicate"] == f"{hub.url}/spaces/me/copy"
    assert "409" in found["again"]
    assert found["copy"] == ["BUILDING", None, "t4-small", 172800]
    assert found["hardware"] == ["BUILDING", None, "a10g-small", 900]
    assert found["no hardware"].startswith("BadRequestError")
    assert found["sleep time"] == ["BUILDING", None, "a10g-small", 600]
    assert found["secret"] is None
    assert found["variable"] == ["MODE"]
    assert "403" in found["no right"]
    assert found["pause"][0] == "PAUSED"
    assert found["restart"][0] == "BUILDING"
    copy = hub.spaces["me/copy"]
    assert (copy.secrets, copy.variables) == ({"KEY": "s3cret"}, {"MODE": "x"})


def test_gradios_own_client(hub: LocalHub, tmp_path: Path) -> None:
    """By the true names, since one of its requests has huggingface.co written in. docs/hub.md tells the differences to ours."""
    hub.add("user/space-name")
    hub.add("user/building", script=[("BUILDING", Told(2))])
    hub.add("user/sleeping", script=[("SLEEPING", WOKEN), ("APP_STARTING", Told(2))])
    hub.add("user/paused", rest="PAUSED")
    hub.add("me/private", private=True)
    found = run("gradio_client", hub, tmp_path, HTTPS_PROXY=hub.proxy)
    assert found["running"] == found["building"] == found["private"] == "hello"
    # It asks how the Space stands and takes its address, but calls nothing that would wake it.
    assert found["sleeping"].startswith("ValueError: Could not fetch config")
    assert "PAUSED" in found["paused"]
    assert found["private, without a token"].startswith("RepositoryNotFoundError")
    assert found["duplicate"] == "hello"
    copy = hub.spaces["me/copy"]
    # It asks for the hardware after the making, sleeps after five minutes unless told otherwise, and makes private copies.
    assert (copy.hardware, copy.sleep_time, copy.private) == ("t4-small", 300, True)
