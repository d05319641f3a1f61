"""Faults planted in the core, one at a time, each to be caught by the core's own tests: ``make mutants``.

Every fault is applied to a copy of the tree, in which the tests that are named with it are run until one fails. One that none catches is an
error, and so is one whose place in the source is gone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.core import figures
from tests.mutations.faults import FAULTS, Fault

ROOT = Path(__file__).parents[2]
PARTS = ("gradio_sansio", "adapters", "tests", "fuzz")


def main() -> int:
    wanted = sys.argv[1:]
    survived: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        for part in PARTS:
            shutil.copytree(
                ROOT / part, tree / part, ignore=shutil.ignore_patterns("__pycache__", "corpus", "crashes")
            )
        shutil.copy(ROOT / "pyproject.toml", tree)
        for fault in FAULTS:
            if wanted and not any(word in fault.name for word in wanted):
                continue
            caught = catch(fault, tree)
            print(
                f"{'SURVIVED' if caught is None else 'caught'}: {fault.name}\n    {caught or fault.tests}",
                flush=True,
            )
            if caught is None:
                survived.append(fault.name)
            else:
                figures.note("mutants", fault.name, caught=caught)
    if survived:
        print(f"{len(survived)} of {len(FAULTS)} survived")
    return 1 if survived else 0


def catch(fault: Fault, tree: Path) -> str | None:
    """The test that fails with the fault in place, or None."""
    path = tree / "gradio_sansio" / fault.file
    source = path.read_text(encoding="utf-8")
    if source.count(fault.old) != 1:
        raise SystemExit(f"{fault.name}: its place is {source.count(fault.old)} times in {fault.file}")
    path.write_text(source.replace(fault.old, fault.new), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--tb=no", *fault.tests]
    environment = {name: value for name, value in os.environ.items() if name != "TRUST_FIGURES"}
    try:
        run = subprocess.run(
            command,
            cwd=tree,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    finally:
        path.write_text(source, encoding="utf-8")
    if run.returncode == 0:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", run.stdout, re.MULTILINE)
    if run.returncode != 1 or failed is None:
        raise SystemExit(f"{fault.name}: the tests did not run\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
    return failed[1]


if __name__ == "__main__":
    sys.exit(main())
