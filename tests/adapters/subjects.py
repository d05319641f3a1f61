"""The adapters, on every runtime that they have."""

from __future__ import annotations

import gradio_sansio_anyio
import gradio_sansio_sync
import gradio_sansio_trio
from gradio_sansio.testing.conformance import AsyncioSubject, BlockingSubject, Subject, TrioSubject

SUBJECTS: dict[str, Subject] = {
    "sync": BlockingSubject(gradio_sansio_sync.client),
    "anyio-asyncio": AsyncioSubject(gradio_sansio_anyio.client),
    "anyio-trio": TrioSubject(gradio_sansio_anyio.client),
    "trio": TrioSubject(gradio_sansio_trio.client),
}
