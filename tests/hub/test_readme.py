"""The README's programs for Spaces do what it says, at the local Hub."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.hub.hub import WOKEN, Token, Told

if TYPE_CHECKING:
    from tests.hub.hub import LocalHub

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = [
    program
    for program in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    if '"user/space-name"' in program
]


@pytest.mark.parametrize("program", PROGRAMS, ids=["client", "duplicate"])
def test_programs(program: str, hub: LocalHub, tmp_path: Path) -> None:
    hub.tokens["hf_..."] = Token("me")
    hub.add("user/space-name", script=[("SLEEPING", WOKEN), ("SLEEPING", Told())])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'adapters'}",
            "PYTHONUTF8": "1",
            "HF_ENDPOINT": hub.url,
            "SSL_CERT_FILE": str(hub.write_authority(tmp_path / "authority.pem")),
        },
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "hello"
    if "status_callback" in program:
        assert [line.split()[0] for line in lines[:-1]] == ["sleeping", "running"]
    else:
        assert hub.made == ["me/space-name"]
        assert hub.spaces["me/space-name"].sleep_time == 300
