"""Where contenders run: each client as its users have it, in a folder of its own below ``.bench/``.

Ours are installed as packages, with what they need and no more: the project's own environment is editable and holds a hundred libraries,
some of which others load if they are there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".bench"
WORKERS: Final = Path(__file__).with_name("workers")
NODE: Final = FOLDER / "node"
EXTRAS: Final = {"plain": "", "tasks": "[anyio,trio]"}
"""Environments of ours, with what is installed beside the core. One of tasks does for all runtimes."""


def python(name: str) -> str:
    """The interpreter of an environment."""
    return str(FOLDER / name / "bin" / "python")


def install() -> dict[str, str]:
    """Install or renew all; the versions of the peers. A peer that can't be had is left out, and the page says so."""
    FOLDER.mkdir(exist_ok=True)
    for name, extras in EXTRAS.items():
        _install(name, f"{ROOT}{extras}")
    versions: dict[str, str] = {}
    try:
        _install("gradio_client", "gradio_client")
        listed = json.loads(_run(*_pip("gradio_client"), "list", "--format", "json"))
        versions["gradio_client"] = next(p["version"] for p in listed if p["name"] == "gradio_client")
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"gradio_client can't be installed: {error}", file=sys.stderr)
    try:
        NODE.mkdir(exist_ok=True)
        # The worker has to stand where Node finds the package.
        shutil.copy(WORKERS / "official.mjs", NODE)
        _run("npm", "install", "--no-audit", "--no-fund", "--prefix", str(NODE), "@gradio/client@latest")
        package = NODE / "node_modules" / "@gradio" / "client" / "package.json"
        versions["@gradio/client"] = json.loads(package.read_text(encoding="utf-8"))["version"]
        versions["node"] = _run("node", "--version").strip()
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"@gradio/client can't be installed: {error}", file=sys.stderr)
    return versions


def _install(name: str, requirement: str) -> None:
    _run(sys.executable, "-m", "venv", "--clear", str(FOLDER / name))
    _run(*_pip(name), "install", "--quiet", requirement)


def _pip(name: str) -> tuple[str, ...]:
    return (python(name), "-m", "pip", "--disable-pip-version-check")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=FOLDER).stdout
