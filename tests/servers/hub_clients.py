"""What ``huggingface_hub`` and Gradio's own Python client can do with the local Hub. Runs in a server's environment.

    python hub_clients.py huggingface_hub|gradio_client TOKEN < /dev/null

The environment names the Hub (``HF_ENDPOINT``) or the proxy, and the certificate (``SSL_CERT_FILE``). Prints a JSON object: by name,
what came of each thing that was tried.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def tried(action: Callable[[], Any]) -> Any:
    try:
        return action()
    except Exception as error:  # noqa: BLE001  # it is what is asked
        return f"{type(error).__name__}: {error}"[:300]


def hub(token: str) -> dict[str, Any]:
    api: Any = importlib.import_module("huggingface_hub").HfApi(token=token)
    stranger: Any = importlib.import_module("huggingface_hub").HfApi(token=False)

    def runtime(value: Any) -> Any:
        return [str(value.stage), value.hardware, value.requested_hardware, value.sleep_time]

    def info(value: Any) -> Any:
        return [value.id, value.private, value.host, value.subdomain, str(value.runtime.stage)]

    def copy() -> str:
        return str(
            api.duplicate_repo("user/space-name", "me/copy", repo_type="space", space_hardware="t4-small")
        )

    return {
        "whoami": tried(lambda: api.whoami()["name"]),
        "space_info": tried(lambda: info(api.space_info("user/space-name"))),
        "runtime": tried(lambda: runtime(api.get_space_runtime("user/space-name"))),
        "missing": tried(lambda: api.space_info("user/none")),
        "private": tried(lambda: stranger.space_info("me/private")),
        "own private": tried(lambda: info(api.space_info("me/private"))),
        "duplicate": tried(copy),
        "again": tried(copy),
        "copy": tried(lambda: runtime(api.get_space_runtime("me/copy"))),
        "hardware": tried(
            lambda: runtime(api.request_space_hardware("me/copy", "a10g-small", sleep_time=900))
        ),
        "no hardware": tried(lambda: runtime(api.request_space_hardware("me/copy", "warp-drive"))),
        "sleep time": tried(lambda: runtime(api.set_space_sleep_time("me/copy", 600))),
        "secret": tried(lambda: api.add_space_secret("me/copy", "KEY", "s3cret")),
        "variable": tried(lambda: sorted(api.add_space_variable("me/copy", "MODE", "x"))),
        "no right": tried(lambda: api.add_space_secret("user/space-name", "KEY", "s3cret")),
        "pause": tried(lambda: runtime(api.pause_space("me/copy"))),
        "restart": tried(lambda: runtime(api.restart_space("me/copy"))),
    }


def gradio(token: str) -> dict[str, Any]:
    client: Any = importlib.import_module("gradio_client").Client

    def predict(*arguments: Any, **options: Any) -> Any:
        app: Any = client(*arguments, verbose=False, **options)
        return app.predict("hello", api_name="/predict")

    def duplicate() -> Any:
        app: Any = client.duplicate(
            "user/space-name", "copy", token=token, hardware="t4-small", verbose=False
        )
        return app.predict("hello", api_name="/predict")

    return {
        "running": tried(lambda: predict("user/space-name")),
        "building": tried(lambda: predict("user/building")),
        "sleeping": tried(lambda: predict("user/sleeping")),
        "paused": tried(lambda: predict("user/paused")),
        "private": tried(lambda: predict("me/private", token=token)),
        "private, without a token": tried(lambda: predict("me/private")),
        "duplicate": tried(duplicate),
    }


def main() -> None:
    warnings.simplefilter("ignore")
    what, token = sys.argv[1:]
    print(json.dumps({"huggingface_hub": hub, "gradio_client": gradio}[what](token)))


if __name__ == "__main__":
    main()
