"""Writes ``limits.md`` from the docstrings of ``Limits``: ``python -m docs.limits``; ``--check`` compares."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from docs.made import write
from gradio_sansio import limits
from gradio_sansio.limits import KiB, MiB

PAGE = Path(__file__).with_name("limits.md")
HEAD = """# Limits

Made from [gradio_sansio/limits.py](../gradio_sansio/limits.py) by `python -m docs.limits`.

Nothing waits for ever and nothing grows without end. Each bound has a name and a default; what goes past one ends with an error that
names it: a `DeadlineExceeded` whose `limit` it is, or a `RemoteProtocolError` whose text does. To change some of them:

```python
from gradio_sansio_sync import Limits, client

with client("http://127.0.0.1:7860", limits=Limits(idle=300, event=256 * 1024 * 1024)) as app:
    print(app.predict("/predict", ["hello"]).value)
```

Three bounds are the caller's own, and have no default: `timeout=` of a call (past it the job is cancelled), `timeout=` of `result` (past it
only the waiting ends), and `deadline=` of `client` (connecting as a whole).

All times are seconds, and all sizes are bytes. Limits don't change:
`msgspec.structs.replace(limits, idle=300)` makes others of those that you have.
"""


def page() -> str:
    """The whole page."""
    source = Path(limits.__file__).read_text(encoding="utf-8")
    lines = source.splitlines()
    (defined,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef))
    out = [HEAD.rstrip("\n")]
    headings = {n: line.strip("# .") for n, line in enumerate(lines, 1) if line.startswith("    # ")}
    last = 0
    for field, text in zip(defined.body, defined.body[1:], strict=False):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        for n in [n for n in headings if last < n < field.lineno]:
            out += [
                "",
                f"## {headings[n].partition(',')[0]}",
                "",
                "| limit | default | what it bounds |",
                "|---|---|---|",
            ]
        last = field.lineno
        assert isinstance(text, ast.Expr), field.target.id
        assert isinstance(text.value, ast.Constant), field.target.id
        name = field.target.id
        words = " ".join(str(text.value.value).replace("``", "`").split())
        out.append(f"| `{name}` | {_shown(getattr(limits.Limits(), name))} | {words} |")
    return "\n".join([*out, ""])


def _shown(value: float) -> str:
    if isinstance(value, int) and value % MiB == 0:
        return f"{value // MiB:,} MiB"
    if isinstance(value, int) and value % KiB == 0:
        return f"{value // KiB:,} KiB"
    return f"{value:,} s" if isinstance(value, float) else f"{value:,}"


if __name__ == "__main__":
    sys.exit(write(PAGE, page()))
