"""What all adapters need of the machine: random bytes, the time of day, the environment, files, certificates, the log."""

from __future__ import annotations

import errno
import functools
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Required, TypeAlias, TypedDict, cast

from gradio_sansio import Duplicate, Engine, Limits, ProxySettings, SpaceStatus
from gradio_sansio.commands import Command
from gradio_sansio.events import Event, Logged
from gradio_sansio_system.uploads import FileEngine

if TYPE_CHECKING:
    import logging
    import ssl

StrPath: TypeAlias = "str | os.PathLike[str]"
HUB: Final = "https://huggingface.co"
READ_SIZE: Final = 64 * 1024
"""Bytes that a connection is read at a time."""
_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30}
"""Those of ``logging``."""


class ConnectOptions(TypedDict, total=False):
    """What ``client`` and ``duplicate`` take alike. What each is for stands in ``Options``."""

    status_callback: Callable[[SpaceStatus], object] | None
    auth: tuple[str, str] | None
    headers: Mapping[str, str] | None
    deadline: float | None
    limits: Limits | None
    ssl_context: ssl.SSLContext | None
    proxy: str | None
    hub: str | None
    trace: Callable[[str], object] | None
    trace_mask: Callable[[str], str] | None


class Options(ConnectOptions, total=False):
    """What ``client`` takes beside the source, each by its name: ``client(source, auth=("user", "secret"), deadline=30)``.

    Attributes:
        status_callback: is called with each change of a Space that doesn't run yet, ``running`` last, and again when one is woken while
            it is used. Runs apart from the engine, as the callbacks of submissions do; connecting waits for it to return.
        hf_token: an access token of the Hub. Goes to the Hub, to the origin that it names for the Space, and to the origin of a URL given
            as source; never elsewhere, and never over plain http but to this machine.
        auth: user and password of the app's own login.
        headers: further header fields for every request to the app.
        deadline: seconds for connecting as a whole.
        limits: bounds for time and memory, ``Limits(idle=60)``.
        ssl_context: for https; by default the machine's certificates.
        proxy: an HTTP proxy, ``http://host:port``; by default what the environment names.
        hub: the Hub's address; by default ``HF_ENDPOINT``, if it is set.
        trace: is given the conversation with the app, without its secrets, as lines of a transcript: ``open("trace.jsonl", "w").write``.
            It is called where the engine runs, and should be quick.
        trace_mask: is given each text of a trace, and returns what is written in its place: to hide what you sent, too.
    """

    hf_token: str | None


class DuplicateOptions(ConnectOptions, total=False):
    """What ``duplicate`` takes beside the source: what ``client`` does, as told in ``Options``, and how the copy is to be.

    Attributes:
        hf_token: as for ``client``, but needed: the copy belongs to the token's owner.
        private: whether only its owner can see the copy.
        timeout: minutes without a visitor after which it goes to sleep.
        hardware: ``cpu-basic``, ``cpu-upgrade``, ``t4-small``, ``t4-medium``, ``a10g-small``, ``a10g-large``, ``a100-large``, or what else
            the Hub offers; by default the original's.
        to: its name, or ``owner/name``; by default the original's, with the token's owner.
        secrets: what its app finds in the environment, by name, and nobody else sees.
        variables: the same for what is no secret.
    """

    hf_token: Required[str]
    private: bool
    timeout: float | timedelta | None
    hardware: str | None
    to: str | None
    secrets: Mapping[str, str] | None
    variables: Mapping[str, str] | None


def make_duplicate(source: str, options: DuplicateOptions, now: float) -> Engine:
    """As ``make_engine``, for the copy of a Space."""
    how = Duplicate(
        private=options.get("private", False),
        timeout=options.get("timeout"),
        hardware=options.get("hardware"),
        to=options.get("to"),
        secrets=options.get("secrets"),
        variables=options.get("variables"),
    )
    return make_engine(source, options, now, how)


def check_options(options: Options | DuplicateOptions, *, duplicate: bool = False) -> None:
    """Refuse what no engine gets to see: options that there aren't, callbacks that can't be called, and no TLS context.

    Raises:
        TypeError: with the option's name.
    """
    known = DuplicateOptions.__annotations__ if duplicate else Options.__annotations__
    for name in options:
        if name not in known:
            raise TypeError(f"there is no option {name!r}; there are {', '.join(sorted(known))}")
    for name in ("status_callback", "trace", "trace_mask"):
        callback = options.get(name)
        if callback is not None and not callable(callback):
            raise TypeError(f"{name} must be callable, not {type(callback).__name__}")
    context = options.get("ssl_context")
    if context is not None:
        import ssl  # noqa: PLC0415  # 8 ms of CPU that whoever passes none does without

        if not isinstance(context, ssl.SSLContext):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller is typed
            raise TypeError(f"ssl_context must be an ssl.SSLContext, not {type(context).__name__}")


def make_engine(
    source: str,
    options: Options | DuplicateOptions,
    now: float,
    duplicate: Duplicate | None = None,
    *,
    only_status: bool = False,
) -> Engine:
    """An engine with this machine's clock of the day, random bytes, files and environment behind it.

    Raises:
        TypeError: there is no such option, or one is of the wrong type.
    """
    check_options(options, duplicate=duplicate is not None)
    proxy = options.get("proxy")
    trace = options.get("trace")
    make = FileEngine if trace is None else functools.partial(_TracedEngine, trace)
    return make(
        source,
        now=now,
        wall_clock=time.time(),
        entropy=os.urandom,
        limits=options.get("limits"),
        hf_token=options.get("hf_token"),
        auth=options.get("auth"),
        headers=options.get("headers"),
        deadline=options.get("deadline"),
        hub=options.get("hub") or os.environ.get("HF_ENDPOINT") or HUB,
        duplicate=duplicate,
        only_status=only_status,
        proxy=ProxySettings(http=proxy, https=proxy) if proxy else proxies_of_environment(),
        trace=trace is not None and (options.get("trace_mask") or True),
    )


class _TracedEngine(FileEngine):
    """Hands its trace on whenever it is drained."""

    def __init__(self, write: Callable[[str], object], source: str, **options: Any) -> None:
        self._write: Callable[[str], object] | None = write
        super().__init__(source, **options)

    def drain(self) -> list[Command | Event]:
        actions = super().drain()
        for line in self.drain_trace():
            try:
                if self._write is not None:
                    self._write(line)
            except Exception as error:  # noqa: BLE001  # whatever it is, it must not end the app
                self._write = None
                log(Logged("warning", f"the trace ends here, since its writer raised {type(error).__name__}"))
        return actions


def proxies_of_environment() -> ProxySettings | None:
    """What ``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy`` say, in lower or upper case."""

    def named(name: str) -> str | None:
        return os.environ.get(name) or os.environ.get(name.upper()) or None

    http = os.environ.get("http_proxy")
    if not http and "REQUEST_METHOD" not in os.environ:
        # In a CGI program, a header of the request names the variable in upper case.
        http = os.environ.get("HTTP_PROXY")
    http, https = http or named("all_proxy"), named("https_proxy") or named("all_proxy")
    if not http and not https:
        return None
    return ProxySettings(
        http=http or None, https=https, no_proxy=named("no_proxy") or "", from_environment=True
    )


def make_ssl_context() -> ssl.SSLContext:
    """The machine's certificates; ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` are honoured."""
    import ssl  # noqa: PLC0415  # 8 ms of CPU that plain http does without

    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@functools.cache
def logger() -> logging.Logger:
    """The logger ``gradio_sansio``, which is silent unless the program configures it."""
    import logging  # noqa: PLC0415  # 3 ms of CPU that a program without logging does without, until there is something to say

    found = logging.getLogger("gradio_sansio")
    found.addHandler(logging.NullHandler())
    return found


def log(event: Logged) -> None:
    """Write what the engine logs to the logger. A handler that raises must not end the app."""
    with suppress(Exception):
        logger().log(_LEVELS[event.level], "%s", event.message)


def holds_only(group: BaseException, error: BaseException | None, cancelled: type[BaseException]) -> bool:
    """A nursery's group holds nothing but what its block raised, nested in whatever way, and cancellations."""
    expected = {id(leaf) for leaf in _leaves(error)}
    return bool(expected) and all(
        id(leaf) in expected or isinstance(leaf, cancelled) for leaf in _leaves(group)
    )


def _leaves(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for part in cast("BaseExceptionGroup[BaseException]", error).exceptions:
            yield from _leaves(part)
    elif error is not None:
        yield error


def reason_of(error: BaseException) -> str:
    """A network error in words, without the numbers that come with it, and in the same ones from every runtime."""
    if (fault := _tls_fault(error)) is not None:
        return fault
    if isinstance(error, socket.gaierror):
        return (error.strerror or "the name is not known").lower()
    if isinstance(error, OSError) and error.errno in errno.errorcode:
        # The text that comes along may be of asyncio's making, and name the address.
        assert error.errno is not None
        return os.strerror(error.errno).lower()
    if isinstance(error, BaseExceptionGroup):
        # One for each address that was tried.
        parts = cast("BaseExceptionGroup[BaseException]", error).exceptions
        return ", ".join(dict.fromkeys(map(reason_of, parts[:4])))
    if error.__cause__ is not None:
        return reason_of(error.__cause__)
    return str(error).lower() or type(error).__name__


def _tls_fault(error: BaseException) -> str | None:
    if "ssl" not in sys.modules:
        return None
    import ssl  # noqa: PLC0415  # loaded by whoever speaks TLS

    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate refused: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "TLS failed: the peer ended the connection"
    if isinstance(error, ssl.SSLError):
        if error.reason == "WRONG_VERSION_NUMBER":
            # Of a record: what is too old a version of TLS is called something else.
            return "TLS failed: the peer doesn't speak TLS"
        reason = error.reason or error.strerror or "no reason given"
        return f"TLS failed: {reason.replace('_', ' ').lower()}"
    return None
