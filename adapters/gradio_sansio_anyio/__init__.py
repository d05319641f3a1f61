"""Gradio apps for asyncio, and for trio, through anyio: its streams and tasks around the engine of ``gradio_sansio``.

import asyncio
from gradio_sansio_anyio import client

async def main():
    async with client("http://127.0.0.1:7860") as app:
        print((await app.predict("/predict", ["hello"])).value)

asyncio.run(main())
"""

from importlib.util import find_spec

if find_spec("anyio") is None:
    raise ModuleNotFoundError("gradio_sansio_anyio needs: pip install 'gradio-sansio[anyio]'", name="anyio")

import gradio_sansio
from gradio_sansio import *  # noqa: F403  # the values and errors that its users meet are at hand here, too
from gradio_sansio_anyio._app import App, client, duplicate
from gradio_sansio_anyio._submission import Submission
from gradio_sansio_system import DuplicateOptions, Options

__all__ = ["App", "DuplicateOptions", "Options", "Submission", "client", "duplicate"]
__all__ += gradio_sansio.__all__
