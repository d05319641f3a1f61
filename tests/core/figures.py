"""What a run of the tests counted, for `docs/trust.md`: lines of JSON in the file that ``TRUST_FIGURES`` names, or nowhere."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FILE = os.environ.get("TRUST_FIGURES")


def note(section: str, name: str, **figures: Any) -> None:
    """Put figures down, if somebody wants them."""
    if FILE is not None:
        with Path(FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"section": section, "name": name, **figures}) + "\n")
