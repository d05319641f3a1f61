"""Real apps' configs and descriptions, cut down to what tests look at. Read when this is imported, before any test runs."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "data"
_SAMPLES: dict[str, dict[str, Any]] = {
    version: json.loads((_FOLDER / f"app-{version}.json").read_text("utf-8"))
    for version in ("3.50", "4.22", "4.44", "6.31")
}
VERSIONS = tuple(_SAMPLES)


def raw_config(version: str, **changes: Any) -> dict[str, Any]:
    """The decoded config of the sample app on that version of Gradio."""
    config: dict[str, Any] = copy.deepcopy(_SAMPLES[version]["config"])
    return config | changes


def raw_info(version: str) -> dict[str, Any]:
    """The decoded description of its API."""
    info: dict[str, Any] = copy.deepcopy(_SAMPLES[version]["info"])
    return info
