"""The official clients, as their registries have them today, each in a folder of its own below ``.bench/``."""

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
PYTHON: Final = FOLDER / "gradio_client" / "bin" / "python"
NODE: Final = FOLDER / "node"


def install() -> dict[str, str]:
    """Install or renew both; the versions that are there then. A peer that can't be had is left out, and the page says so."""
    FOLDER.mkdir(exist_ok=True)
    versions: dict[str, str] = {}
    try:
        if not PYTHON.exists():
            _run(sys.executable, "-m", "venv", str(PYTHON.parents[1]))
        pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check"]
        _run(*pip, "install", "--quiet", "--upgrade", "gradio_client")
        listed = json.loads(_run(*pip, "list", "--format", "json"))
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


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=FOLDER).stdout
