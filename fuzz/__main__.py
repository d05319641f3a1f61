"""Fuzz every target for a share of the time: ``python -m fuzz --seconds 600 [target ...]``. See `README.md`."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

from fuzz.harness import write_seeds
from tests.core import figures

HERE = Path(__file__).parent
TARGETS = sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.py"))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", metavar="target", help=f"of {', '.join(TARGETS)}; all of them by default"
    )
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together")
    parser.add_argument("--seeds", action="store_true", help="only write the seeds")
    chosen = parser.parse_args()
    unknown = set(chosen.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}")
    targets = chosen.targets or TARGETS
    crashed = 0
    for name in targets:
        corpus = HERE / "corpus" / name
        target = importlib.import_module(f"fuzz.fuzz_{name}")
        most: int | None = getattr(target, "MOST", None)
        count = write_seeds(corpus / "seeds", target.seeds(), most)
        if chosen.seeds:
            print(f"{name}: {count} seeds")
        else:
            crashed += not fuzz(name, corpus, max(1, chosen.seconds // len(targets)), most or 4096)
    return 1 if crashed else 0


def fuzz(name: str, corpus: Path, seconds: int, most: int) -> bool:
    """One target for so long; whether its invariant held."""
    found, crashes = corpus / "found", HERE / "crashes" / name
    found.mkdir(parents=True, exist_ok=True)
    crashes.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        f"fuzz.fuzz_{name}",
        f"-max_total_time={seconds}",
        "-print_final_stats=1",
    ]
    command += [
        "-timeout=60",
        "-rss_limit_mb=2048",
        f"-artifact_prefix={crashes}/",
        str(found),
        str(corpus / "seeds"),
    ]
    # What the tests count of themselves is not to be counted twice.
    environment = {name: value for name, value in os.environ.items() if name != "TRUST_FIGURES"}
    run = subprocess.run(
        command, env=environment, capture_output=True, text=True, errors="replace", check=False
    )
    output = run.stdout + run.stderr
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
    coverage = re.findall(r"cov: (\d+)", output)
    count = int(executed[1]) if executed else 0
    verdict = "held" if run.returncode == 0 else f"BROKEN, see {crashes.relative_to(Path.cwd())}"
    print(
        f"{name:10} {count:10,} executions in {seconds} s, {coverage[-1] if coverage else '?'} edges: {verdict}",
        flush=True,
    )
    if run.returncode == 0:
        figures.note(
            "fuzz", name, executions=count, seconds=seconds, edges=int(coverage[-1]) if coverage else 0
        )
        return True
    print(output[-6000:], flush=True)
    return False


if __name__ == "__main__":
    os.chdir(HERE.parent)
    sys.exit(main())
