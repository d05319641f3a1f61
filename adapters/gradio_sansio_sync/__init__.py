"""Gradio apps in plain calls: threads and sockets of the standard library around the engine of ``gradio_sansio``.

from gradio_sansio_sync import client

with client("http://127.0.0.1:7860") as app:
    print(app.predict("/predict", ["hello"]).value)
"""

import gradio_sansio
from gradio_sansio import *  # noqa: F403  # the values and errors that its users meet are at hand here, too
from gradio_sansio_sync._app import App, client, duplicate
from gradio_sansio_sync._submission import Submission
from gradio_sansio_system import DuplicateOptions, Options

__all__ = ["App", "DuplicateOptions", "Options", "Submission", "client", "duplicate"]
__all__ += gradio_sansio.__all__
