"""What the library is tested with, for those who write adapters: nothing here is loaded by ``import gradio_sansio``.

``Playbook`` holds a machine to a table of inputs and actions. ``VirtualNetwork`` runs an engine against ``GradioServer``, or against a
``Player`` of recorded exchanges, without sockets and in virtual time.
"""

from gradio_sansio.testing.functions import Function, Render, Report, Say, Sleep, function
from gradio_sansio.testing.network import (
    Cut,
    Host,
    Link,
    NetworkError,
    Peer,
    RandomPieces,
    VirtualNetwork,
    single_bytes,
    whole,
)
from gradio_sansio.testing.playbook import Placeholder, Playbook, placeholder
from gradio_sansio.testing.server import GradioServer
from gradio_sansio.testing.serving import Answer, Request, ServerConnection
from gradio_sansio.testing.transcripts import Entry, Player, read_transcript, write_transcript

__all__ = [
    "Answer",
    "Cut",
    "Entry",
    "Function",
    "GradioServer",
    "Host",
    "Link",
    "NetworkError",
    "Peer",
    "Placeholder",
    "Playbook",
    "Player",
    "RandomPieces",
    "Render",
    "Report",
    "Request",
    "Say",
    "ServerConnection",
    "Sleep",
    "VirtualNetwork",
    "function",
    "placeholder",
    "read_transcript",
    "single_bytes",
    "whole",
    "write_transcript",
]
