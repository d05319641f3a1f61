"""The border of the core: it does no I/O, reads no clock, draws no randomness. Each check is itself checked, on a planted fault."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import h11
import msgspec
import pytest
import wsproto

import gradio_sansio
from tests.core import audit
from tests.core.audit import ForbiddenIo, watching

SOURCE = Path(gradio_sansio.__file__).parent
ROOT = SOURCE.parent
RUFF = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")

BANNED = [
    "_asyncio",
    "_ssl",
    "anyio",
    "asyncio",
    "concurrent",
    "concurrent.futures",
    "email.message",
    "http.client",
    "http.cookiejar",
    "importlib.metadata",
    "logging",
    "multiprocessing",
    "pathlib",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "trio",
    "urllib.request",
]

# In a new interpreter without site-packages' own start-up files, which may import anything.
PROBE = """
import importlib, json, pkgutil, sys
banned = set(json.loads(sys.argv[1]))
assert not banned & set(sys.modules), sorted(banned & set(sys.modules))
sys.path[:0] = json.loads(sys.argv[2])
import gradio_sansio
at_first = sorted(banned & set(sys.modules))
for module in pkgutil.walk_packages(gradio_sansio.__path__, "gradio_sansio."):
    if not module.name.startswith("gradio_sansio.testing"):
        importlib.import_module(module.name)
print(json.dumps([gradio_sansio.__file__, at_first, sorted(banned & set(sys.modules))]))
"""


def loaded(folder: Path) -> tuple[list[str], list[str]]:
    """Banned modules that the package in a folder loads: when it is imported, and when all of its modules are."""
    paths = [str(folder)]
    for module in (h11, msgspec, wsproto):
        assert module.__file__ is not None
        paths.append(str(Path(module.__file__).parents[1]))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROBE, json.dumps(BANNED), json.dumps(paths)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    file, at_first, in_all = json.loads(done.stdout)
    assert Path(file).parent.parent == folder
    return at_first, in_all


def planted(folder: Path, module: str, text: str) -> Path:
    """A copy of the package with a line planted in one of its modules."""
    shutil.copytree(SOURCE, folder / SOURCE.name, ignore=shutil.ignore_patterns("__pycache__"))
    path = folder / SOURCE.name / module
    head = "from __future__ import annotations\n"
    source = path.read_text("utf-8")
    assert head in source
    path.write_text(source.replace(head, f"{head}\n{text}\n", 1), "utf-8")
    return folder


# What is imported.


def test_nothing_banned_is_loaded() -> None:
    assert loaded(ROOT) == ([], [])


@pytest.mark.parametrize(
    ("module", "text", "at_first", "in_all"),
    [
        ("limits.py", "import socket", "socket", "socket"),
        ("session/sse.py", "from random import random", "random", "random"),
        # Loaded on first need only.
        ("wire/websocket.py", "import threading", None, "threading"),
        # Not imported by the package itself, but by what it imports.
        ("errors.py", "import http.cookies, urllib.request", "socket", "urllib.request"),
    ],
)
def test_a_planted_import_is_found(
    tmp_path: Path, module: str, text: str, at_first: str | None, in_all: str
) -> None:
    found_at_first, found = loaded(planted(tmp_path, module, text))
    assert at_first in found_at_first if at_first else not found_at_first
    assert in_all in found


# What the linter says.


def banned_by_the_linter(folder: Path) -> str:
    """What the linter says of the package in a folder, by the project's rules on imports alone."""
    if RUFF is None:
        pytest.skip("ruff isn't installed")
    config = folder / "pyproject.toml"
    if not config.exists():
        shutil.copy(ROOT / "pyproject.toml", config)
    command = [
        RUFF,
        "check",
        "--no-cache",
        "--quiet",
        "--select=TID251",
        "--output-format=concise",
        SOURCE.name,
    ]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    assert (done.returncode == 0) == (not done.stdout)
    return done.stdout


def test_the_linter_has_nothing_to_say() -> None:
    assert banned_by_the_linter(ROOT) == ""


@pytest.mark.parametrize(
    ("module", "text", "says"),
    [
        ("limits.py", "import socket", "`socket` is banned: Sockets belong to the adapters."),
        ("session/sse.py", "from random import random", "`random` is banned: Entropy is injected."),
        ("wire/pool.py", "import time", "`time` is banned: `now` is an argument."),
        (
            "session/job.py",
            "import os.path",
            "`os` is banned: Files and the environment belong to the adapters.",
        ),
        (
            "timers.py",
            "import datetime; datetime.datetime.now()",
            "`datetime.datetime.now` is banned: The core reads no clock",
        ),
    ],
)
def test_the_linter_finds_a_planted_import(tmp_path: Path, module: str, text: str, says: str) -> None:
    output = banned_by_the_linter(planted(tmp_path, module, text))
    assert says in output
    assert output.startswith(f"{SOURCE.name}/{module}:")


# What is done: the watch that `conftest` keeps over each test.


def run_as_the_package(source: str) -> None:
    """Run source as if it stood in a module of the package."""
    exec(source, {"__name__": "gradio_sansio.planted", "ROOT": str(ROOT)})


FAULTS: list[tuple[str, str, str]] = [
    ("open", "open(ROOT)", "open"),
    ("pathlib", "from pathlib import Path\nPath(ROOT, 'x').read_bytes()", "open"),
    ("os.open", "import os\nos.open(ROOT, 0)", "open"),
    ("a socket", "import socket\nsocket.socket()", "socket.__new__"),
    ("a name", "import socket\nsocket.getaddrinfo('localhost', 1)", "socket.getaddrinfo"),
    ("a process", "import subprocess, sys\nsubprocess.run([sys.executable, '-V'])", "subprocess.Popen"),
    ("a shell", "import os\nos.system('true')", "os.system"),
    ("a thread", "import _thread\n_thread.start_new_thread(print, ())", "_thread.start_new_thread"),
    ("a thread object", "import threading\nthreading.Thread(target=print).start()", "_thread.start_"),
    ("swallowed", "import contextlib\nwith contextlib.suppress(Exception):\n    open(ROOT)", "open"),
    ("through a callback", "[*map(open, [ROOT])]", "open"),
]


@pytest.mark.parametrize(("name", "source", "event"), FAULTS, ids=[row[0] for row in FAULTS])
def test_planted_io_is_stopped(name: str, source: str, event: str) -> None:
    with watching() as seen, pytest.raises(ForbiddenIo, match=f"^{event}"):
        run_as_the_package(source)
    assert len(seen) == 1
    assert seen[0].startswith(event)
    assert " from gradio_sansio.planted:" in seen[0]


def test_others_may_do_what_they_like(tmp_path: Path) -> None:
    with watching() as seen:
        (tmp_path / "x").write_text("x")
        # Importing reads files, and is what the package does on first need.
        (tmp_path / "planted_module.py").write_text("")
        sys.path.insert(0, str(tmp_path))
        try:
            run_as_the_package("import planted_module")
        finally:
            sys.path.remove(str(tmp_path))
            del sys.modules["planted_module"]
    assert seen == []


def test_adapters_are_others() -> None:
    with watching() as seen:
        exec("import os; os.close(os.open(ROOT, 0))", {"__name__": "gradio_sansio_sync", "ROOT": str(ROOT)})
    assert seen == []


def test_nobody_watches_outside_of_tests() -> None:
    # Were it always on, collecting tests and reading samples would fail.
    before = audit._watchers.copy()
    audit._watchers.clear()
    try:
        run_as_the_package("import os\nos.close(os.open(ROOT, 0))")
    finally:
        audit._watchers.extend(before)


def test_a_test_that_makes_the_core_do_io_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.core.conftest import *\n")
    (tmp_path / "test_planted.py").write_text(
        textwrap.dedent(
            """
            from tests.core.test_purity import ForbiddenIo, run_as_the_package

            def test_stopped():
                run_as_the_package("open(ROOT)")

            def test_swallowed():
                run_as_the_package("try:\\n    open(ROOT)\\nexcept BaseException:\\n    pass")

            def test_innocent():
                open(__file__).close()
            """
        )
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
        "--rootdir",
        str(tmp_path),
    ]
    done = subprocess.run(
        [*command, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert "2 failed, 1 passed" in done.stdout, done.stdout
    assert "the core did I/O in test_swallowed: open(" in done.stdout
