"""Which transport carries a job: one for each dialect in the session that jobs share, one of its own for a job with its own session."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from gradio_sansio.errors import RemoteProtocolError
from gradio_sansio.session.app import App
from gradio_sansio.session.config import Dialect
from gradio_sansio.session.dialects import Transport
from gradio_sansio.session.dialects.shared_stream import SharedStream


class Transports:
    """Those of a session, made as they are needed."""

    def __init__(self, session_hash: str) -> None:
        self._session_hash = session_hash
        self._shared: dict[Dialect, Transport] = {}
        self._isolated: list[Transport] = []
        self._retired: list[Transport] = []
        """Those of an app that was restarted, with jobs that may be open yet."""

    def __iter__(self) -> Iterator[Transport]:
        yield from self._shared.values()
        yield from self._isolated
        yield from self._retired

    @property
    def shared(self) -> tuple[Transport, ...]:
        """Those that carry jobs of the common session, or did before a restart."""
        return (*self._shared.values(), *self._retired)

    def find(self, app: App, dialect: Dialect, *, isolated: bool) -> Transport:
        """Where a new job goes."""
        if isolated:
            self._isolated = [transport for transport in self._isolated if not transport.idle]
            transport = _make(app, dialect, app.new_session_hash(), isolated=True)
            self._isolated.append(transport)
            return transport
        shared = self._shared.get(dialect)
        if shared is None:
            shared = self._shared[dialect] = _make(app, dialect, self._session_hash, isolated=False)
        return shared

    def retire(self) -> None:
        """The app was restarted: jobs end where they are, and new ones go elsewhere."""
        self._retired = [transport for transport in self.shared if not transport.idle]
        self._shared = {}


def _make(app: App, dialect: Dialect, session_hash: str, *, isolated: bool) -> Transport:
    # An app needs one or two of them.
    match dialect:
        case Dialect.DIRECT:
            from gradio_sansio.session.dialects.direct import DirectCalls  # noqa: PLC0415

            return DirectCalls(app, session_hash)
        case Dialect.SSE_V1 | Dialect.SSE_V2 | Dialect.SSE_V2_1 | Dialect.SSE_V3:
            return SharedStream(app, session_hash, isolated=isolated)
        case Dialect.SSE:
            from gradio_sansio.session.dialects.job_stream import JobStreams  # noqa: PLC0415

            return JobStreams(app, session_hash)
        case Dialect.WS:
            if (0, 0, 0) < app.config.version < (3, 1, 5):
                seen = f"Gradio {'.'.join(map(str, app.config.version))}"
                raise RemoteProtocolError(
                    f"queued functions of {seen} are polled for, which this client doesn't do",
                    expected="Gradio 3.1.5 or later",
                    seen=seen,
                )
            from gradio_sansio.session.dialects.websocket import WebSockets  # noqa: PLC0415

            return WebSockets(app, session_hash, isolated=isolated)
        case _:
            assert_never(dialect)
