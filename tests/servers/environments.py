"""Build the environments that the real Gradio servers run in.

    python tests/servers/environments.py [VERSION ... | --newest]

One virtual environment for each version, in `.servers/<version>`, from `requirements-<version>.txt` beside this file; without
arguments, one for each such file. What is built already is left alone, unless the requirements have changed since.

Needs nothing but the standard library, so that it runs before anything is installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).resolve().parent
SERVERS = (HERE.parents[1] / ".servers").resolve()
PREFIX = "requirements-"
PIP = ("--disable-pip-version-check", "--no-input", "install", "--progress-bar=off")


class BuildError(Exception):
    """An environment could not be built; the message says why."""


def known_versions() -> list[str]:
    """The versions with a requirements file, oldest first."""
    names = [path.stem.removeprefix(PREFIX) for path in HERE.glob(f"{PREFIX}*.txt")]
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def interpreter(version: str) -> Path:
    """The Python of a built environment."""
    if not _is_current(version):
        msg = f"no environment for Gradio {version}; run: python tests/servers/environments.py {version}"
        raise BuildError(msg)
    return _python(SERVERS / version)


def build(version: str) -> str:
    """Make sure that the environment of one version is there; return what was done."""
    with _locked(version):
        if _is_current(version):
            return "is there"
        folder, log = SERVERS / version, SERVERS / f"{version}.log"
        started = time.monotonic()
        shutil.rmtree(folder, ignore_errors=True)
        with log.open("w", encoding="utf-8") as output:
            for arguments in (
                [sys.executable, "-m", "venv", str(folder)],
                [str(_python(folder)), "-m", "pip", *PIP, "-r", str(_requirements(version))],
            ):
                done = subprocess.run(
                    arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, check=False
                )
                if done.returncode:
                    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
                    heading = f"{arguments[2]} failed ({done.returncode}); {log} ends with:"
                    raise BuildError("\n  ".join([heading, *tail]))
        _stamp(version).write_text(_fingerprint(version), encoding="utf-8")
        return f"was built in {time.monotonic() - started:.1f} s"


def _requirements(version: str) -> Path:
    path = HERE / f"{PREFIX}{version}.txt"
    if not path.is_file():
        msg = f"no {path.name}; there is one for: {', '.join(known_versions())}"
        raise BuildError(msg)
    return path


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _stamp(version: str) -> Path:
    return SERVERS / version / ".built"


def _fingerprint(version: str) -> str:
    """What the environment was made from. A folder that was moved or copied does not work, so its place is part of it."""
    facts = [_requirements(version).read_text(encoding="utf-8"), str(SERVERS / version)]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()


def _is_current(version: str) -> bool:
    # The stamp is written last, so a build that was interrupted counts as none. The interpreter is a link to the one it was
    # made with, which may have gone.
    stamp = _stamp(version)
    return (
        _python(SERVERS / version).exists()
        and stamp.is_file()
        and stamp.read_text(encoding="utf-8") == _fingerprint(version)
    )


@contextlib.contextmanager
def _locked(version: str) -> Iterator[None]:
    """Hold the version's lock file; the system releases it even when this process is killed."""
    _requirements(version)
    SERVERS.mkdir(exist_ok=True)
    with (SERVERS / f"{version}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str]) -> int:
    """Build what is asked for, as many at a time as there are cores; the exit code says whether all are there."""
    versions = list(dict.fromkeys(arguments)) or known_versions()
    if versions == ["--newest"]:
        versions = known_versions()[-1:]
    failures = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for version, future in [(version, pool.submit(build, version)) for version in versions]:
            try:
                print(f"Gradio {version}: the environment {future.result()}", flush=True)
            except (BuildError, OSError) as error:
                failures += 1
                print(f"Gradio {version}: {error}", file=sys.stderr, flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
