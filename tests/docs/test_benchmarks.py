"""The page of benchmarks is made from the data of a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import report
from benchmarks.cases import CASES
from benchmarks.contenders import FLOOR, OURS, PEERS, SKETCHES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SYNC = "gradio-sansio, sync"


def samples(wall: Mapping[str, float], cpu: float = 0.001) -> dict[str, list[dict[str, float]]]:
    return {
        name: [
            {"seconds": seconds * scale, "cpu": cpu, "peak": 2.0**25, "turns": 20} for scale in (1, 1.1, 3)
        ]
        for name, seconds in wall.items()
    }


def run_of(wall: Mapping[str, float], failures: Mapping[str, str]) -> dict[str, Any]:
    """A run in which every case took as long."""
    times = {"bare": [0.01], "runtime": [0.03], "client": [0.1]}
    return {
        "versions": {"gradio-sansio": "1.2.3"},
        "machine": "2 cores",
        "import": {name: times for name in wall if name != "floor"},
        "connect": {"cold": samples(wall), "again": samples(wall), "failures": failures},
        "engine": {
            "value": 8e-6,
            "token": 9e-6,
            "jobs": [[10, 1e-4, 1e-5, 2000], [10_000, 1e-4, 2e-5, 2000]],
            "lines": [[1_000_000, 1e-9, 9e-10], [2_000_000, 1e-9, 8e-10]],
            "streams": [[5000, 8e-6]],
            "profile": [["`wire/http11`", 0.4], ["msgspec", 0.001]],
        },
        "cases": {
            case.name: {
                "title": case.title,
                "unit": case.unit,
                "units": case.units,
                "link": case.link,
                "samples": samples(wall),
                "failures": failures,
            }
            for case in CASES
        },
    }


@pytest.fixture
def run() -> dict[str, Any]:
    contenders = (FLOOR, *OURS, *PEERS.values(), *SKETCHES)
    return run_of({one.name: 0.01 + 0.01 * place for place, one in enumerate(contenders)}, {})


def test_every_case_has_its_table_and_its_plot(run: dict[str, Any]) -> None:
    page = report.page(run)
    for case in CASES:
        assert f"## {case.title}\n" in page
        assert f"(benchmarks/{case.name}.svg)" in page
    assert page.count("| gradio_client |") >= len(CASES)
    # 10 calls in 20 ms; the ratio is that within each round, whatever the machine did in the last one.
    assert "| gradio-sansio, sync | 2.2 ms | 2 ms to 6 ms | 2.00 | 100 us | 32 MiB | 3 |" in page


def test_targets_are_judged(run: dict[str, Any]) -> None:
    judged = {target.text: target for target in report.targets(run)}
    assert not judged["warm `predict`, sync: time, to the floor"].met
    assert judged["warm `predict`, sync: CPU"].met
    # What the sketches took, in the unit of the aim: 1 ms of CPU for ten calls.
    assert judged["warm `predict`, sync: CPU"].limit == pytest.approx(0.1)
    assert judged["import, sync: CPU over the bare interpreter"].limit == pytest.approx(90)
    assert judged["import, async: CPU over its runtime"].limit == pytest.approx(70)
    assert judged["memory by open job"].limit is None
    assert not judged["cost of a message with 10,000 open jobs, to that with 10"].met
    assert "| **not met** |" in report.page(run)


def test_what_failed_is_told_and_the_rest_is_there() -> None:
    page = report.page(
        run_of({SYNC: 0.02}, {"gradio_client": "it failed at predict:\nTraceback\nOSError: no"})
    )
    assert "gradio_client failed: `OSError: no`" in page
    assert "| gradio-sansio, sync | 2.2 ms | 2 ms to 6 ms |  | 100 us |" in page
    assert "to the floor, sync" not in page


def test_a_case_in_which_all_failed() -> None:
    run = run_of({}, {"the server": "it can't be started"})
    page = report.page(run)
    assert page.count("the server failed: `it can't be started`") == len(CASES) + 1
    assert ".svg" not in page


def test_files(run: dict[str, Any], tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.BEGIN}old\n{report.END}after\n", encoding="utf-8")
    report.write(run, tmp_path, readme)
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| a warm call | 2.2 ms | 3.3 ms |" in text
    assert json.loads((tmp_path / "benchmarks.json").read_text(encoding="utf-8"))["cases"].keys() == {
        case.name for case in CASES
    }
    plot = (tmp_path / "benchmarks" / "predict.svg").read_text(encoding="utf-8")
    assert ">gradio_client</text>" in plot
    assert ">2.2 ms</text>" in plot


def test_the_page_is_that_of_its_data() -> None:
    data = json.loads((report.DOCS / "benchmarks.json").read_text(encoding="utf-8"))
    assert (report.DOCS / "benchmarks.md").read_text(encoding="utf-8") == report.page(data)
    assert report.summary(data) in (report.ROOT / "README.md").read_text(encoding="utf-8")
