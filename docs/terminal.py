"""Records each command of the command line in a terminal, and writes what stood there into docs/terminal.md: ``python -m docs.terminal``.

The apps are a real Gradio server and one that does its worst, and the Hub is the local one of tests/hub. Only addresses are replaced. A
terminal's emulator (pyte) makes the screens of what was written, so what is shown is what a person would have seen.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pyte

from gradio_sansio.testing.loopback import Loopback
from gradio_sansio.testing.server import GradioServer as Machine
from tests.cli.app import EVIL, FUNCTIONS
from tests.cli.shell import Terminal, check_harmless, run
from tests.hub.hub import WOKEN, LocalHub, Token, Told
from tests.live.jobs import PICTURE
from tests.servers.environments import known_versions
from tests.servers.server import GradioServer

PAGE = Path(__file__).parent / "terminal.md"
MOST = 14
"""Lines of a screen that are shown."""


class Recorder:
    """Runs commands in terminals, and keeps what stood there."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names
        """What is written in place of addresses and directories that differ from run to run."""
        self.parts: list[str] = []

    def say(self, text: str) -> None:
        self.parts.append(text)

    def record(
        self,
        *arguments: str,
        code: int = 0,
        until: Callable[[str], object] | None = None,
        keys: bytes = b"",
        columns: int = 80,
        most: int = MOST,
        variables: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Run a command to its end. ``until`` names a moment at which the screen is shown, too, and keys may be pressed."""
        meanwhile = ""
        with Terminal(*arguments, columns=columns, variables=dict(variables)) as terminal:
            if until is not None:
                terminal.wait_for(until)
                meanwhile = terminal.text
                if keys:
                    terminal.type(keys)
            ended = terminal.wait()
            text = terminal.text
        if ended != code:
            raise RuntimeError(f"{arguments}: it ended with {ended}\n{text}")
        check_harmless(text)
        shown = [name for name in ("NO_COLOR", "TERM", "LC_ALL") if name in variables]
        prefix = "".join(f"{name}={variables[name]} " for name in shown)
        command = f"$ {prefix}gradio-sansio {shlex.join(arguments)}"
        if until is not None:
            self._block([command, *self._screen(meanwhile, columns)])
            self.say("and in the end:" if not keys else "and after Ctrl-C:")
        end = self._screen(text, columns)
        more = ["..."] if len(end) > most else []
        self._block([command, *end[:most], *more, *([f"(exit code {code})"] if code else [])])

    def _block(self, lines: list[str]) -> None:
        text = "\n".join(lines)
        self.parts.append(f"```console\n{self._renamed(text)}\n```")

    def _screen(self, text: str, columns: int) -> list[str]:
        """What a terminal shows after that, with all that was scrolled away."""
        screen = pyte.Screen(columns, 400)
        pyte.Stream(screen).feed(self._renamed(text))
        lines = [line.rstrip() for line in screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def _renamed(self, text: str) -> str:
        for name, shown in self.names.items():
            text = text.replace(name, shown)
        # Where the local Hub has its Spaces.
        return re.sub(r"https://127\.0\.0\.1:\d+", "https://me-copy.hf.space", text)


def record_app(to: Recorder, url: str, folder: Path) -> None:
    picture = str(folder / "cat.png")
    saved = folder / "pictures"
    to.say("## An app")
    to.say("`api` lists the endpoints:")
    to.record("api", url, most=9)
    to.say("`predict` shows how far it is, and leaves the result alone:")
    to.record("predict", url, "/progress", "4", "0.5", until=lambda text: "2/4" in text)
    to.say("`submit` prints each value:")
    to.record("submit", url, "/chat", "hello")
    to.say("Files go up and come down:")
    to.record("predict", url, "/image", f"@{picture}", "--output", str(saved))
    (found,) = run("predict", url, "/image", f"@{picture}", "--json").objects
    to.names[found["data"][0]["path"]] = "/tmp/gradio/.../cat.png"
    to.record("download", url, found["data"][0]["path"], "--to", str(saved))
    to.say("Ctrl-C cancels, on the server too:")
    to.record("predict", url, "/slow", "60", code=130, until=lambda text: "running" in text, keys=b"\x03")
    to.say("What goes wrong takes a line:")
    to.record("predict", url, "/fail", "x", code=3)
    to.record("predict", url, "/no_such_thing", code=4, most=4)


def record_spaces(to: Recorder, backend: str, folder: Path) -> None:
    to.say("## Spaces")
    with LocalHub(backend) as hub:
        hub.tokens["hf_me"] = Token("me")
        authority = str(hub.write_authority(folder / "authority.pem"))
        variables = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_me", "SSL_CERT_FILE": authority}
        hub.add("user/space-name", script=[("SLEEPING", WOKEN), ("APP_STARTING", Told(2))])
        to.say("`status` asks without waking:")
        to.record("status", "user/space-name", variables=variables)
        to.say("A call wakes it:")
        to.record("predict", "user/space-name", "/predict", "hello", variables=variables)
        to.say("`duplicate` makes a copy of one's own, and waits until it runs:")
        to.record("duplicate", "user/space-name", "--to", "copy", "--private", variables=variables)


def record_hostile(to: Recorder, folder: Path) -> None:
    to.say("## An app that means harm")
    with Loopback(Machine(FUNCTIONS)) as server:
        to.names[server.url] = "http://127.0.0.1:7861"
        to.say(
            "This one puts control characters into all that it says: `"
            + ascii(EVIL).strip("'").replace("`", "")
            + "`. None of them reaches the terminal."
        )
        to.record("predict", server.url, "/evil_progress", "x")
        to.record("submit", server.url, "/evil", "x")
        to.record("predict", server.url, "/evil_error", "x", code=3)


def record_terminals(to: Recorder, url: str) -> None:
    arguments = ("predict", url, "/progress", "4", "0.4")
    to.say("## Other terminals")
    to.say("Of 20 columns:")
    to.record(*arguments, columns=20, until=lambda text: "2/4" in text or "50%" in text)
    to.say("One that can't go back in its line, where each step has one of its own:")
    to.record(*arguments, variables={"TERM": "dumb"})
    to.say("Without colours, and with ASCII alone:")
    to.record(
        *arguments,
        variables={"NO_COLOR": "1", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
        until=lambda text: "2/4" in text,
    )


def page() -> str:
    with tempfile.TemporaryDirectory() as name, GradioServer(known_versions()[-1]) as server:
        folder = Path(name)
        (folder / "cat.png").write_bytes(PICTURE)
        (folder / "pictures").mkdir()
        to = Recorder({server.url: "http://127.0.0.1:7860", f"{folder}/": ""})
        to.say("# The command line at work")
        to.say(
            "<!-- Made by python -m docs.terminal -->\n"
            f"Recorded in terminals of 80 columns, with a server of Gradio {known_versions()[-1]} and a Hub of our own; only addresses"
            " were replaced. How to use the commands is told in [From a shell](cli.md)."
        )
        record_app(to, server.url, folder)
        record_spaces(to, server.url, folder)
        record_hostile(to, folder)
        record_terminals(to, server.url)
    return "\n\n".join(to.parts) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
