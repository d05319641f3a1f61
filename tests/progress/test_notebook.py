"""In a real notebook kernel, where an event loop is running in each cell."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio.testing.loopback import Loopback
from gradio_sansio.testing.server import GradioServer
from tests.cli.app import FUNCTIONS
from tests.cli.shell import environment

if TYPE_CHECKING:
    from pathlib import Path

CELLS = (
    """
import asyncio
from gradio_sansio_sync import client
from gradio_sansio_progress import show
assert asyncio.get_running_loop().is_running()
app = client(URL)
app
""",
    "app.predict('/predict', ['hello']).value",
    "submission = app.submit('/steps', ['x'])",
    "show(submission).value",
    "submission",
    "[data.value for data in app.submit('/grow', ['x'])]",
    """
import gradio_sansio_anyio
async with gradio_sansio_anyio.client(URL) as other:
    result = await show(other.submit('/steps', ['x']))
result.value
""",
    """
entered = gradio_sansio_anyio.client(URL)
await entered.__aenter__()
""",
    """
try:
    await entered.__aexit__(None, None, None)
except Exception as error:
    print(type(error).__name__, error)
""",
    "app.view_api()",
    "app.close(); app",
)
# In a process of its own: it has threads and sockets that take their time to go away.
RUN = """
import json, sys, nbformat, nbclient
cells = json.load(sys.stdin)
notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
json.dump([cell["outputs"] for cell in notebook.cells], sys.stdout)
"""


@pytest.mark.timeout(180)
def test_a_notebook(tmp_path: Path) -> None:
    with Loopback(GradioServer(FUNCTIONS)) as server:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", RUN],
            input=json.dumps([f"URL = {server.url!r}", *CELLS]),
            capture_output=True,
            text=True,
            env=environment(HOME=str(tmp_path), JUPYTER_PLATFORM_DIRS="1"),
            cwd=tmp_path,
            timeout=150,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    _, connected, value, _, shown, submission, values, awaited, _, crossed, info, closed = json.loads(
        done.stdout
    )
    assert [text(outputs) for outputs in (connected, closed)] == [
        f"<App {server.url}>",
        f"<App {server.url}>",
    ]
    assert text(value) == "'hello'"
    # A widget while it runs, which goes away; what stays is the value.
    for outputs in (shown, awaited):
        assert text(outputs) == "'done'"
        assert any("application/vnd.jupyter.widget-view+json" in output.get("data", {}) for output in outputs)
        assert not [output for output in outputs if output["output_type"] == "stream"], outputs
    assert text(submission) == "<Submission complete>"
    assert text(values) == "['one', 'one two', 'one two three']"
    assert "LocalProtocolError" in crossed[0]["text"]
    assert text(info).startswith("<ApiInfo '/predict', '/add', ")


def text(outputs: list[dict[str, Any]]) -> str:
    """The value of a cell."""
    (result,) = [output for output in outputs if output["output_type"] == "execute_result"]
    found: str = result["data"]["text/plain"]
    return found
