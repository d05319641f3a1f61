"""Shows how a submission stands: as a bar in a terminal or a notebook, in lines elsewhere. Needs the extra ``progress``.

    from gradio_sansio_progress import show
    from gradio_sansio_sync import client

    with client("http://127.0.0.1:7860") as app:
        print(show(app.submit("/progress", [5])).value)

Under asyncio and trio: ``await show(app.submit(...))``. It writes to standard error, and nothing that a server says can steer the terminal.
"""

from importlib.util import find_spec

if find_spec("tqdm") is None:
    raise ModuleNotFoundError(
        "gradio_sansio_progress needs: pip install 'gradio-sansio[progress]'", name="tqdm"
    )

from gradio_sansio_progress._display import Display
from gradio_sansio_progress._show import show
from gradio_sansio_progress._text import clean, one_line

__all__ = ["Display", "clean", "one_line", "show"]
