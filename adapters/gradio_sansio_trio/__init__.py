"""Gradio apps for trio: its streams and tasks around the engine of ``gradio_sansio``.

import trio
from gradio_sansio_trio import client

async def main():
    async with client("http://127.0.0.1:7860") as app:
        print((await app.predict("/predict", ["hello"])).value)

trio.run(main)
"""

from importlib.util import find_spec

if find_spec("trio") is None:
    raise ModuleNotFoundError("gradio_sansio_trio needs: pip install 'gradio-sansio[trio]'", name="trio")

import gradio_sansio
from gradio_sansio import *  # noqa: F403  # the values and errors that its users meet are at hand here, too
from gradio_sansio_system import DuplicateOptions, Options
from gradio_sansio_trio._app import App, client, duplicate
from gradio_sansio_trio._submission import Submission

__all__ = ["App", "DuplicateOptions", "Options", "Submission", "client", "duplicate"]
__all__ += gradio_sansio.__all__
