"""Runs cases: all contenders in turn within each round, so that what happens to the machine happens to all of them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any, Final

import trustme

from benchmarks import replay
from benchmarks.cases import Case
from benchmarks.contenders import FLOOR, SKETCHES, Contender, Worker, environment
from benchmarks.environments import FOLDER, ROOT
from benchmarks.files import write_large
from benchmarks.link import Link
from tests.servers.server import GradioServer

CONCURRENCY: Final = 1000
"""Jobs of a function that the server runs at a time: with fewer, it is its queue that is measured."""
EVENTS: Final = {"values": 20_000, "text": 10_000}
STARTS: Final = 15
"""How often each interpreter is started for the import case."""
ROUND_TRIP: Final = 0.05
BUDGET: Final = 15.0
"""Seconds after which a case begins no further round, however few there were: a busy machine gets fewer, and the page says how many."""

Samples = dict[str, list[dict[str, float]]]
"""By contender: what each round took."""
Failures = dict[str, str]
"""By contender: why there is no more of it."""


def run(cases: Sequence[Case], contenders: Sequence[Contender]) -> Iterator[tuple[Case, Samples, Failures]]:
    """Run cases in their order; each with its samples, and why contenders are missing.

    Each has a server of its own, since one that has done thousands of jobs takes longer for the next (6.31.0).
    """
    for case in cases:
        try:
            if case.fresh:
                found = measure_apart(case, contenders)
            else:
                with serving(case.version) as port:
                    found = measure(case, contenders, port)
        except OSError as error:
            found = {}, {"the server": str(error)}
        yield case, *found


def measure(case: Case, contenders: Sequence[Contender], port: int) -> tuple[Samples, Failures]:
    """One case: fresh processes, a small round to warm up, then rounds until there are enough, or ``BUDGET`` is spent.

    Each round is taken in the order opposite to the one before, so that what a server remembers weighs on all alike, and there are two at
    least. A contender that fails has no further rounds.
    """
    samples: Samples = {}
    failures: Failures = {}
    details = dict(case.details)
    if case.do == "replay":
        details["expected"] = replay.expected(case.version, EVENTS[case.version])
    with ExitStack() as resources:
        url, link = resources.enter_context(linked(case.link, port))
        if case.do == "file":
            details["folder"] = resources.enter_context(TemporaryDirectory())
            for size in (case.warm["size"], case.details["size"]):
                write_large(Path(details["folder"], f"{size}.bin"), size)
        workers: list[Worker] = []
        for contender in contenders:
            if takes_part(contender, case):
                worker = resources.enter_context(Worker(contender))
                workers.append(worker)
                _ask(worker, workers, failures, "connect", url=url)
        for worker in tuple(workers):
            _ask(worker, workers, failures, case.do, url=url, **{**details, **case.warm})
        until = monotonic() + BUDGET
        for number in range(case.rounds):
            for worker in tuple(workers[:: -1 if number % 2 else 1]):
                before = link.turns if link else 0
                figures = _ask(worker, workers, failures, case.do, url=url, **details)
                if figures is not None:
                    if link:
                        figures["turns"] = link.turns - before
                    samples.setdefault(worker.contender.name, []).append(figures)
            if number and monotonic() > until:
                break
    return samples, failures


def measure_apart(case: Case, contenders: Sequence[Contender]) -> tuple[Samples, Failures]:
    """The same with a server of its own for each contender in each round, and however long that takes."""
    samples: Samples = {}
    failures: Failures = {}
    for number in range(case.rounds):
        for contender in contenders[:: -1 if number % 2 else 1]:
            if not takes_part(contender, case) or contender.name in failures:
                continue
            with serving(case.version) as port, Worker(contender) as worker:
                url, figures = f"http://127.0.0.1:{port}", None
                for do, details in (
                    ("connect", {"url": url}),
                    (case.do, {**case.details, **case.warm}),
                    (case.do, case.details),
                ):
                    figures = _ask(worker, [worker], failures, do, **details)
                    if figures is None:
                        break
                if figures is not None:
                    samples.setdefault(contender.name, []).append(figures)
    return samples, failures


def takes_part(contender: Contender, case: Case) -> bool:
    """Whether a case is for a contender."""
    if contender in SKETCHES:
        return case.sketches
    return case.floor if contender is FLOOR else case.peers or contender.ours


def _ask(
    worker: Worker, workers: list[Worker], failures: Failures, do: str, **details: Any
) -> dict[str, float] | None:
    try:
        return worker.ask(do, **details)
    except RuntimeError as error:
        failures[worker.contender.name] = str(error)
        workers.remove(worker)
        return None


def connecting(
    contenders: Sequence[Contender], port: int, again: int = 40
) -> tuple[Samples, Samples, Failures]:
    """Opening an app: for the first time in a process, and again."""
    cold: Samples = {}
    warm: Samples = {}
    failures: Failures = {}
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as resources:
        workers = [resources.enter_context(Worker(contender)) for contender in contenders]
        until = monotonic() + BUDGET
        for attempt in range(again + 1):
            for worker in tuple(workers if attempt % 2 else reversed(workers)):
                figures = _ask(worker, workers, failures, "connect", url=url)
                if figures is not None:
                    (warm if attempt else cold).setdefault(worker.contender.name, []).append(figures)
                    _ask(worker, workers, failures, "close")
            if attempt and monotonic() > until:
                break
    return cold, warm, failures


def importing(contenders: Sequence[Contender]) -> dict[str, dict[str, list[float]]]:
    """CPU seconds of an interpreter that imports a client, one that imports its runtime only, and one that imports nothing."""
    found: dict[str, dict[str, list[float]]] = {}
    for _ in range(STARTS):
        for contender in contenders:
            if contender.imports:
                times = found.setdefault(contender.name, {"bare": [], "runtime": [], "client": []})
                for what, modules in (
                    ("bare", ""),
                    ("runtime", contender.runtime),
                    ("client", contender.imports),
                ):
                    times[what].append(
                        _start(contender.command[0], f"import {modules}" if modules else "pass")
                    )
    return found


def _start(python: str, program: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Python looks first where it is started.
    subprocess.run([python, "-c", program], check=True, env=environment(), cwd=FOLDER)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def serving(version: str) -> Iterator[int]:
    """The port of a server in a process of its own."""
    if version in EVENTS:
        command = [sys.executable, "-m", "benchmarks.replay", version, str(EVENTS[version])]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            yield int(process.stdout.readline())
            process.stdin.close()
    else:
        with GradioServer(version, "--concurrency", str(CONCURRENCY)) as server:
            yield int(server.url.rpartition(":")[2])


@contextmanager
def linked(kind: str, port: int) -> Iterator[tuple[str, Link | None]]:
    """The URL by which contenders reach the server, and what stands between."""
    if not kind:
        yield f"http://127.0.0.1:{port}", None
    elif kind == "far":
        with Link(port, delay=ROUND_TRIP / 2) as link:
            yield f"http://127.0.0.1:{link.port}", link
    else:
        authority = trustme.CA()
        certificates = FOLDER / "authority.pem"
        authority.cert_pem.write_to_path(certificates)
        context = server_context(authority)
        with Link(port, tls=context) as link, trusting(certificates):
            yield f"https://localhost:{link.port}", link


def server_context(authority: trustme.CA) -> Any:
    """For a server on this machine."""
    import ssl

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@contextmanager
def trusting(certificates: Path) -> Iterator[None]:
    """Let the processes that start in the meantime take this authority's word."""
    names = ("SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, str(certificates)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
