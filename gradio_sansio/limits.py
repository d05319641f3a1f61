"""Every bound of the engine, with its default and the reason for it.

Seconds for times, bytes for sizes. Nothing in the core waits for ever and nothing grows without end: whatever could is named here.
"""

from __future__ import annotations

from msgspec import Struct

from gradio_sansio.checks import check_positive

KiB = 1024
MiB = 1024 * KiB


class Limits(Struct, frozen=True, kw_only=True):
    """The bounds of one app. Each must be a positive number; ``TypeError`` or ``ValueError`` names the one that is not."""

    # Times, in seconds.

    connect: float = 15.0
    """One connection: name resolution, TCP, a proxy's tunnel and TLS together."""
    request: float = 60.0
    """One short request (config, info, join, cancel), from its start to the last byte of its answer."""
    idle: float = 60.0
    """Silence on an event stream with jobs open. Servers send a heartbeat every 15 s (Gradio 4.9 and later)."""
    idle_direct: float = 600.0
    """Silence where no heartbeat is to be had: direct calls, which answer when the function is done."""
    ping: float = 20.0
    """How often a websocket is pinged: often enough that a lost one is noticed within ``idle``."""
    waking: float = 1800.0
    """From a Space that sleeps or is built to one that runs. The Hub gives an app 30 minutes to start."""
    grace: float = 2.0
    """What closing an app may take: time for running jobs to be cancelled on the server."""
    keep_alive: float = 4.0
    """How long an idle connection is kept for the next request. uvicorn, which Gradio runs on, closes after 5 s."""

    # Counts.

    redirects: int = 3
    """Redirects followed for one request."""
    connections: int = 16
    """Connections to one origin for short requests at a time; further requests wait."""
    streams: int = 512
    """Connections to one origin that hold an event stream or a websocket at a time; further ones wait."""
    reopens: int = 3
    """How often in a row an event stream may end with jobs open and without one message before they fail."""
    hub_failures: int = 5
    """How often in a row the Hub may fail to answer one question, over some ten seconds."""
    cookies: int = 50
    """Cookies kept for an app; the oldest go first."""
    mailbox: int = 10_000
    """Messages kept for jobs whose join has not been answered yet."""
    tombstones: int = 10_000
    """Ids of ended jobs kept so that late messages of theirs can be told from early ones of others."""
    json_depth: int = 100
    """Nesting of JSON values. How deep a decoder gets depends on the host's stack, so the core counts first."""

    # Sizes, in bytes.

    header: int = 64 * KiB
    """One response's status line and header."""
    body: int = 64 * MiB
    """The body of one answer that is read as a whole, after decompression: a config may hold images."""
    event: int = 64 * MiB
    """One event of a stream, or one websocket message: values may hold images."""
    early: int = 64 * MiB
    """The mailbox for early messages, in all."""
    buffer: int = 256 * MiB
    """What all open jobs together may have delivered that the application has not taken. Beyond it the policy for slow consumers applies
    to each job that holds more than its equal share of this."""
    job_buffer: int = 16 * MiB
    """What a job may have delivered that the application has not taken, before the policy for slow consumers applies."""
    inline: int = 12 * MiB
    """A file that goes within the arguments (Gradio 3: pictures; before 3.19: all). uvicorn takes websocket messages of 16 MiB, and
    base64 adds a third."""
    download: int = 16 * 1024 * MiB
    """A file that is downloaded. Models and long films stay below it; a server that never stops must not fill the disk."""
    download_buffer: int = 1 * MiB
    """What of a download waits to be written, before its server is held back."""
    cookie: int = 4 * KiB
    """One cookie, name and value; larger ones are not kept (RFC 6265, section 6.1)."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check_positive(f"Limits.{name}", getattr(self, name))
