"""Start and stop real Gradio servers on loopback, for the live tests and the demo."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.servers.environments import interpreter

if TYPE_CHECKING:
    from types import TracebackType

APP = Path(__file__).with_name("app.py")
START = 60.0
"""Seconds that a server may take until it answers."""
GRACE = 5.0
"""Seconds that a server may take to end after SIGINT."""
ATTEMPTS = 3
"""Another process may take the port between our look and the server's bind; then another one is tried."""
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH")
"""What a server sees of our environment: no proxy, no token, no PYTHONPATH and no setting of Gradio's."""


class GradioServer:
    """One Gradio app in a process of its own.

        with GradioServer("6.31.0", "--auth") as server:
            ...  # server.url

    The app is a script that takes `--port` and `--until-eof` and prints a line that begins with `READY` once it answers. With
    `--until-eof` it ends when its standard input does, so it goes also when this process is killed.
    """

    def __init__(self, version: str, *args: str, app: Path = APP) -> None:
        self.version = version
        self._command = [str(interpreter(version)), str(app), "--until-eof", *args]
        self._port = 0
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._home: Path | None = None
        self._lines: deque[str] = deque(maxlen=1000)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Where the app answers; the same after a restart."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def output(self) -> str:
        """The last thousand lines that the server wrote, over all its starts."""
        return "\n".join(self._lines)

    def start(self) -> None:
        """Start the server on a free port and wait until it answers; a server that runs is left alone."""
        for attempt in range(1, ATTEMPTS + 1):
            port = _free_port()
            try:
                self._start(port)
            except OSError:
                # Gradio's own OSError says "Cannot find empty port"; it is in the output.
                if attempt == ATTEMPTS or "empty port" not in self.output:
                    raise
            else:
                return

    def stop(self, *, grace: float = GRACE) -> None:
        """End the server: SIGINT, and after `grace` seconds SIGKILL. `grace=0` is a crash."""
        self._end(grace)
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    def restart(self, *, grace: float = GRACE) -> None:
        """End the server and start it again on the same port, without anything of its former life but its files."""
        self._end(grace)
        self._start(self._port)

    def _start(self, port: int) -> None:
        if self._process:
            return
        self._home = self._home or Path(tempfile.mkdtemp(prefix="gradio-server-"))
        ready = threading.Event()
        self._process = subprocess.Popen(
            [*self._command, "--port", str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=_environment(self._home),
            cwd=self._home,
            start_new_session=True,  # Ctrl-C in the terminal is for us; we end the server ourselves
        )
        self._reader = threading.Thread(target=self._read, args=(self._process, ready), daemon=True)
        self._reader.start()
        try:
            self._await(self._process, ready)
        except BaseException:  # Ctrl-C too: nobody else would end the process
            self.stop(grace=0)
            raise
        self._port = port

    def _await(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        deadline = time.monotonic() + START
        while not ready.wait(0.05):
            ended = process.poll() is not None
            if ended or time.monotonic() > deadline:
                self._end(0)  # so that its output is complete
                why = "ended" if ended else f"did not answer within {START:g} s"
                msg = f"the server for Gradio {self.version} {why}; it wrote:\n{self.output}"
                raise OSError(msg)

    def _end(self, grace: float) -> None:
        process, reader, self._process, self._reader = self._process, self._reader, None, None
        if process is None or reader is None:
            return
        if grace > 0:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(GRACE)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()

    def _read(self, process: subprocess.Popen[str], ready: threading.Event) -> None:
        for line in process.stdout or ():
            self._lines.append(line.rstrip("\n"))
            if line.startswith("READY"):
                ready.set()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _environment(home: Path) -> dict[str, str]:
    """Nothing leaves the machine, and everything that Gradio and its libraries write is in `home`."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return inherited | {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_SSR_MODE": "False",
        "GRADIO_TEMP_DIR": str(home / "files"),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "NO_PROXY": "127.0.0.1,localhost",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": str(home),
    }
