"""Measures gradio-sansio next to the official clients and a bare socket: ``make bench``.

    python -m benchmarks [CASE ...] [--list] [--only CONTENDER ...]

Without arguments, all of it: some ten minutes. It installs the official clients below ``.bench/``, starts real servers from ``.servers/``,
and writes ``docs/benchmarks.md``, ``docs/benchmarks.json`` and the plots. With arguments it writes nothing.
"""

from __future__ import annotations

import argparse
import statistics

from benchmarks import engine, peers
from benchmarks.cases import CASES, NEWEST
from benchmarks.contenders import FLOOR, OURS, PEERS, Contender
from benchmarks.report import Report, duration, table
from benchmarks.runner import connecting, importing, run, serving
from gradio_sansio import __version__
from tests.servers.environments import build

OTHERS = ("import", "connect", "engine")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--list", action="store_true", help="say which cases there are")
    parser.add_argument(
        "--only",
        action="append",
        metavar="CONTENDER",
        help="floor, sync, asyncio, 'anyio on trio', trio, @gradio/client, gradio_client",
    )
    options = parser.parse_args()
    names = [*OTHERS, *(case.name for case in CASES)]
    if options.list:
        print("\n".join(names))
        return
    wanted = options.cases or names
    if unknown := set(wanted) - set(names):
        parser.error(f"there is no case {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    versions = {"gradio-sansio": __version__}
    if wanted != ["engine"]:
        versions |= peers.install()
    contenders = [FLOOR, *OURS, *(peer for name, peer in PEERS.items() if name in versions)]
    if options.only:
        contenders = [one for one in contenders if one.name.removeprefix("gradio-sansio, ") in options.only]
    report = Report(versions)
    if "import" in wanted:
        print(report.section("Import", "import", *import_section(contenders)), flush=True)
    if "connect" in wanted:
        build(NEWEST)
        print(report.section("Connecting", "connect", *connect_section(contenders)), flush=True)
    cases = [case for case in CASES if case.name in wanted]
    for version in {case.version for case in cases} - {"values", "text"}:
        build(version)
    for case, samples, failures in run(cases, contenders):
        print(report.case(case, samples, failures), flush=True)
        for name, reason in failures.items():
            print(f"{name}: {reason}\n", flush=True)
    if "engine" in wanted:
        text, data = engine.section()
        print(report.section("The engine alone", "engine", text, data), flush=True)
    if not options.cases and not options.only:
        report.write()


def import_section(contenders: list[Contender]) -> tuple[str, object]:
    """CPU seconds of importing."""
    found = importing(contenders)
    rows: list[list[str]] = []
    for name, times in found.items():
        bare, runtime, client = (statistics.median(times[what]) for what in ("bare", "runtime", "client"))
        rows.append([name, duration(bare), duration(client - bare), duration(client - max(bare, runtime))])
    head = ["CPU", "bare interpreter", "client over it", "client over its runtime"]
    return table(head, rows), found


def connect_section(contenders: list[Contender]) -> tuple[str, object]:
    """Opening an app."""
    with serving(NEWEST) as port:
        cold, warm = connecting(contenders, port)
    floor = statistics.median(sample["seconds"] for sample in warm.get("floor", [{"seconds": float("nan")}]))
    rows = [
        [
            name,
            duration(cold[name][0]["seconds"]),
            duration(wall := statistics.median(sample["seconds"] for sample in warm[name])),
            f"{wall / floor:.2f}",
            duration(statistics.median(sample["cpu"] for sample in warm[name])),
        ]
        for name in cold
    ]
    head = [
        "wall",
        "the first time in a process",
        "again, median of 10",
        "to the floor's two requests",
        "CPU",
    ]
    return table(head, rows), {"cold": cold, "again": warm}


if __name__ == "__main__":
    main()
