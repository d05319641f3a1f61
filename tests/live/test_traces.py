"""A trace of a real server, played again without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import AppError, Data, Engine, Status
from gradio_sansio.events import AppOpened, DataReceived, JobFinished, LogReceived
from gradio_sansio.testing import Player, VirtualNetwork, read_transcript
from gradio_sansio_sync import client
from tests.servers.environments import BuildError, interpreter, known_versions

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live.conftest import StartServer

CALLS: list[tuple[str, list[Any]]] = [
    ("/predict", ["hello"]),
    ("/count", [4, 0.05]),
    ("/chat", ["a b", 0]),
    ("/fail", ["x"]),
    ("/direct", ["abc"]),
    ("/log", ["hi"]),
    ("/whoami", []),
]
SECRETS = ("wolpertinger", "X-Mine-Value", "hf_traces0123456789")


@pytest.mark.parametrize("version", known_versions())
def test_a_trace_is_played_again(version: str, start_server: StartServer, tmp_path: Path) -> None:
    try:
        interpreter(version)
    except BuildError as error:
        pytest.skip(f"{error} (or make servers, as .ci/run does)")
    path = tmp_path / "trace.jsonl"
    seen: list[Any] = []
    with (
        start_server(version, "--auth", "user:wolpertinger") as server,
        path.open("w", encoding="utf-8") as file,
        client(
            server.url,
            auth=("user", "wolpertinger"),
            headers={"x-mine": "X-Mine-Value"},
            hf_token="hf_traces0123456789",
            trace=file.write,
        ) as app,
    ):
        hashes = [app.session_hash]
        for endpoint, payload in CALLS:
            submission = app.submit(endpoint, payload)
            seen += [told(event) for event in submission.events() if not isinstance(event, Status)]
            try:
                seen.append(submission.result().value)
            except AppError as error:
                seen.append(str(error))
    text = path.read_text(encoding="utf-8")
    for secret in (*SECRETS, *hashes):
        assert secret not in text
    player = Player(read_transcript(text))
    assert replayed(player) == seen
    assert player.unmatched == []


def told(event: Any) -> Any:
    return event.value if isinstance(event, Data) else (event.level, event.message)


def replayed(player: Player) -> list[Any]:
    network = VirtualNetwork({("app.test", 80): player})
    engine = network.attach(
        lambda now: Engine("http://app.test", now=now, wall_clock=0.0, entropy=bytes, auth=("user", "?"))
    )
    network.run_until(lambda: network.happened(AppOpened))
    seen: list[Any] = []
    for endpoint, payload in CALLS:
        job = engine.submit(endpoint, payload, now=network.now)
        network.pump()
        network.run_until(lambda: isinstance(network.events[-1], JobFinished), within=60.0)
        for event in network.events:
            if isinstance(event, (DataReceived, LogReceived)) and event.job == job:
                seen.append(told(event.data if isinstance(event, DataReceived) else event.log))
            elif isinstance(event, JobFinished) and event.job == job:
                assert event.error is not None or event.data is not None
                seen.append(str(event.error) if event.error else event.data.value if event.data else None)
    return seen
