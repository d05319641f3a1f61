"""Draws the state machines from their transition tables: ``python -m docs.states`` writes ``states.md``, ``--check`` compares."""

from __future__ import annotations

import sys
from collections import defaultdict
from enum import Enum
from importlib import import_module
from pathlib import Path

from docs.made import write
from gradio_sansio.session.space import STAGES

PAGE = Path(__file__).with_name("states.md")
MACHINES = (
    "gradio_sansio.session.session",
    "gradio_sansio.session.opening",
    "gradio_sansio.session.waking",
    "gradio_sansio.session.duplication",
    "gradio_sansio.session.job",
    "gradio_sansio.session.uploads",
    "gradio_sansio.session.downloads",
    "gradio_sansio.session.dialects.shared_stream",
    "gradio_sansio.session.dialects.job_stream",
    "gradio_sansio.session.dialects.websocket",
    "gradio_sansio.wire.connection",
    "gradio_sansio.wire.exchange",
)
HEAD = """# State machines

Drawn from the transition tables in the code by `python -m docs.states`. An input that a state doesn't list is ignored by a job, and a
defect anywhere else.
"""


def draw(module_name: str) -> str:
    """One machine as a section with a diagram."""
    module = import_module(module_name)
    table: dict[Enum, dict[Enum, Enum]] = module.TRANSITIONS
    subject = (module.__doc__ or "").partition("\n")[0]
    lines = [f"## `{module_name}`", "", subject, "", "```mermaid", "stateDiagram-v2"]
    lines += [f"    {state.name}: {state.value}" for state in table]
    lines.append(f"    [*] --> {next(iter(table)).name}")
    for state, row in table.items():
        inputs: defaultdict[Enum, list[str]] = defaultdict(list)
        for input, following in row.items():
            inputs[following].append(str(input.value))
        lines += [
            f"    {state.name} --> {following.name}: {' / '.join(names)}"
            for following, names in inputs.items()
        ]
        if not row:
            lines.append(f"    {state.name} --> [*]")
    return "\n".join([*lines, "```", ""])


def draw_stages() -> str:
    """What each stage of a Space means: the table that ``waking`` goes by."""
    lines = [
        "## Stages of a Space",
        "",
        "What the Hub says, what is told of it, and what is done then (`gradio_sansio.session.space`). A stage that is not listed is taken",
        "for a failure.",
        "",
        "| stage | `status` | `load_status` | `message` | next |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| `{stage}` | `{status.status}` | `{status.load_status}` | {status.message} | {following.value} |"
        for stage, (status, following) in STAGES.items()
    ]
    return "\n".join([*lines, ""])


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *map(draw, MACHINES), draw_stages()])


if __name__ == "__main__":
    sys.exit(write(PAGE, page()))
