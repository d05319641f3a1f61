"""Measures gradio-sansio next to the official clients and a bare socket: ``make bench``.

    python -m benchmarks [CASE ...] [--list] [--only CONTENDER ...]

Without arguments, all of it, in a quarter of an hour. It installs this client and the official ones below ``.bench/``, starts real
servers from ``.servers/``, and writes ``docs/benchmarks.md``, its plots, ``docs/benchmarks.json`` and the table of the README. With
arguments it prints only.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks import engine, environments, report
from benchmarks.cases import CASES, NEWEST
from benchmarks.contenders import FLOOR, OURS, PEERS, SKETCHES
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
        help="floor, 'sketch, thread', 'sketch, asyncio', sync, asyncio, 'anyio on trio', trio, @gradio/client, gradio_client",
    )
    options = parser.parse_args()
    names = [*OTHERS, *(case.name for case in CASES)]
    if options.list:
        print("\n".join(names))
        return
    wanted = options.cases or names
    if unknown := set(wanted) - set(names):
        parser.error(f"there is no case {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    data: dict[str, Any] = {
        "versions": {"gradio-sansio": __version__},
        "machine": report.machine(),
        "cases": {},
    }
    if wanted != ["engine"]:
        data["versions"] |= environments.install()
    contenders = [
        FLOOR,
        *SKETCHES,
        *OURS,
        *(peer for name, peer in PEERS.items() if name in data["versions"]),
    ]
    if options.only:
        contenders = [one for one in contenders if one.name.removeprefix("gradio-sansio, ") in options.only]

    def tell(section: str) -> None:
        print(section, flush=True)
        if not options.cases and not options.only:
            # After each case, so that a run that is broken off leaves what it has found.
            report.write(data)

    if "import" in wanted:
        data["import"] = importing(contenders)
        tell(report.import_section(data))
    for version in dict.fromkeys([NEWEST, *(case.version for case in CASES if case.name in wanted)]):
        if version not in ("values", "text") and wanted != ["engine"]:
            build(version)
    if "connect" in wanted:
        with serving(NEWEST) as port:
            cold, again, failures = connecting(contenders, port)
        data["connect"] = {"cold": cold, "again": again, "failures": _told(failures)}
        tell(report.connect_section(data))
    for case, samples, failures in run([case for case in CASES if case.name in wanted], contenders):
        data["cases"][case.name] = {
            "title": case.title,
            "unit": case.unit,
            "units": case.units,
            "link": case.link,
            "samples": samples,
            "failures": _told(failures),
        }
        for contender, reason in failures.items():
            print(f"{contender}: {reason}\n", file=sys.stderr, flush=True)
        tell(report.case_section(data, case.name))
    if "engine" in wanted:
        data["engine"] = engine.measure()
        tell(report.engine_section(data))


def _told(failures: dict[str, str]) -> dict[str, str]:
    # The rest, with the places of files on this machine, is for the terminal.
    return {name: report.told(reason) for name, reason in failures.items()}


if __name__ == "__main__":
    main()
