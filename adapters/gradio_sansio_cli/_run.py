"""One run of a command: what its options say, what it shows, and how it ends."""

from __future__ import annotations

import functools
import logging
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from threading import Timer
from types import FrameType, TracebackType
from typing import Any, Final, NoReturn, Self

import click

from gradio_sansio import (
    AuthError,
    Data,
    DeadlineExceeded,
    FileData,
    GradioError,
    JobCancelled,
    LocalProtocolError,
    SpaceStatus,
)
from gradio_sansio.files import replace_files, shown_url
from gradio_sansio.inbox import Value
from gradio_sansio_cli._connecting import Connecting, seconds
from gradio_sansio_cli._exits import Exit, code_of
from gradio_sansio_cli._output import data_object, emit, emit_json, finish_streams, prepare_streams, readable
from gradio_sansio_cli._space import described
from gradio_sansio_progress import Display, clean, one_line
from gradio_sansio_sync import App
from gradio_sansio_system import logger

NAME: Final = "gradio-sansio"

OPTIONS: Final = (
    click.option(
        "--token",
        metavar="TOKEN",
        help="Access token of the Hub, for this app whatever its address. Without it HF_TOKEN is read from the environment, and"
        " sent for Spaces and https://*.hf.space only. (Others on this machine may see a command line.)",
    ),
    click.option(
        "--auth",
        metavar="USER",
        help="Log in to the app. The password is asked for, or read from GRADIO_SANSIO_PASSWORD.",
    ),
    click.option("--header", multiple=True, metavar="'NAME: VALUE'", help="Send a header field. Repeatable."),
    click.option(
        "--timeout",
        type=float,
        callback=seconds,
        metavar="SECONDS",
        help="Give up after so long, connecting included; what runs is cancelled.",
    ),
    click.option(
        "--proxy",
        metavar="URL",
        help="An HTTP proxy. Default: what http_proxy, https_proxy and no_proxy say.",
    ),
    click.option("--hub", metavar="URL", help="Address of the Hub. Default: HF_ENDPOINT, if that is set."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line."),
    click.option("-q", "--quiet", is_flag=True, help="Show errors only: no progress, no messages."),
    click.option("-v", "--verbose", is_flag=True, help="Show all that the library logs, too."),
)


class Run(Connecting):
    """What a command has at hand."""

    def __init__(self, *, as_json: bool, quiet: bool, verbose: bool, **options: Any) -> None:
        super().__init__(**options)
        self.as_json = as_json
        self._display = None if quiet else Display()
        self._handler = _Messages(self.say)
        self._level = logging.DEBUG if verbose else logging.WARNING

    def say(self, text: str) -> None:
        """A line for the person who waits."""
        if self._display is not None:
            self._display.say(text)

    def space_changed(self, status: SpaceStatus) -> None:
        self.say(f"Space {described(status)}")

    def show(self, event: Value) -> None:
        """How the job stands."""
        if self._display is not None:
            self._display.put(event)

    def emit(self, data: Data, saved: Mapping[FileData, Path] | None = None) -> None:
        """A result: one object, or each output in a line of its own. What was saved of it is told, too."""
        with self._aside():
            if not self.as_json:
                for value in data:
                    emit(readable(value, saved or {}))
            elif saved is None:
                emit_json(data_object(data))
            else:
                emit_json(data_object(data) | _named(saved.values()))

    def emit_paths(self, paths: Iterable[Path]) -> None:
        """Files that were saved: one object, or each in a line of its own."""
        with self._aside():
            if self.as_json:
                emit_json(_named(paths))
            else:
                for path in paths:
                    emit(clean(str(path)))

    def save(self, app: App, file: FileData | str, to: Path) -> Path:
        """Download a file. ``--timeout`` holds for that, too."""
        shown = file if isinstance(file, str) else file.orig_name or file.path or "a file"
        self.say(f"downloading {one_line(shown_url(shown))}")
        left = self.left()
        if left is None:
            return app.download(file, to)
        late = Timer(left, app.close)
        late.start()
        try:
            return app.download(file, to)
        except (JobCancelled, LocalProtocolError):
            # It was closed, which nobody else does.
            raise DeadlineExceeded("the download took too long", limit="timeout") from None
        finally:
            late.cancel()

    def save_all(self, app: App, data: Data, to: Path) -> dict[FileData, Path]:
        """Download the files of a result, each once."""
        saved: dict[FileData, Path] = {}

        def save(file: FileData) -> None:
            if file not in saved:
                saved[file] = self.save(app, file, to)

        replace_files(data.data, FileData, save)
        return saved

    def _aside(self) -> AbstractContextManager[None]:
        return nullcontext() if self._display is None else self._display.aside()

    def __enter__(self) -> Self:
        logger().addHandler(self._handler)
        logger().setLevel(self._level)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logger().removeHandler(self._handler)
        if self._display is not None:
            self._display.close()


def _named(saved: Iterable[Path]) -> dict[str, list[str]]:
    return {"saved": [str(path) for path in saved]}


def with_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that all have, as a ``Run``."""

    @functools.wraps(function)
    def command(**arguments: Any) -> None:
        options = {str(option): arguments.pop(option) for option in _NAMES}
        with Run(**options) as run:
            function(run, **arguments)

    for option in reversed(OPTIONS):
        command = option(command)
    return command


_NAMES: Final = ("token", "auth", "header", "timeout", "proxy", "hub", "as_json", "quiet", "verbose")


def carry_out(group: click.Group, arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. Whatever goes wrong is told in one line."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no hang-up
        # A hang-up is nothing to what was started with `nohup`.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _terminate)
    prepare_streams()
    try:
        # Not `main`, which has ideas of its own about interrupts and broken pipes.
        with group.make_context(NAME, list(arguments)) as context:
            group.invoke(context)
    except click.exceptions.Exit as done:
        # Of --help and --version.
        return done.exit_code
    except BrokenPipeError:
        # Whoever read the output has had enough.
        return Exit.DONE
    except (click.ClickException, GradioError, OSError) as error:
        return _complain(*_described(error))
    except (KeyboardInterrupt, click.Abort):
        # What is left to do has a limit of its own.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return _complain("interrupted", Exit.INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # never a traceback
        return _complain(f"this is a defect, please report it: {type(error).__name__}: {error}", 1)
    finally:
        finish_streams()
    return Exit.DONE


def _described(error: click.ClickException | GradioError | OSError) -> tuple[str, int]:
    match error:
        case click.NoSuchOption() if _is_of_a_command(error):
            return f"the option {error.option_name} comes after the command. See: {NAME} --help", Exit.USAGE
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else NAME
            unknown = isinstance(error, click.NoSuchOption)
            dash = " A value that begins with a dash comes after --." if unknown else ""
            return f"{error.format_message()}{dash} See: {command} --help", Exit.USAGE
        case click.ClickException():
            return error.format_message(), Exit.USAGE
        case DeadlineExceeded(limit="timeout" | "deadline"):
            return "DeadlineExceeded: --timeout has passed; what ran was cancelled", code_of(error)
        case GradioError():
            wait = getattr(error, "retry_after", None)
            again = f" (try again in {wait:.0f} s)" if wait is not None else ""
            return f"{type(error).__name__}: {_text(error)}{again}", code_of(error)
        case OSError():
            where = f": {error.filename}" if error.filename else ""
            return f"{error.strerror or error}{where}", Exit.USAGE


def _is_of_a_command(error: click.NoSuchOption) -> bool:
    group = error.ctx and error.ctx.command
    return isinstance(group, click.Group) and any(
        error.option_name in option.opts for command in group.commands.values() for option in command.params
    )


def _text(error: GradioError) -> str:
    """What an error says. Advice names the arguments of ``client``, which are options here; all else may be the app's own words."""
    if not isinstance(error, AuthError):
        return error.message
    advice = error.advice
    for argument, option in _OPTION_OF.items():
        advice = advice.replace(argument, option)
    return error.message.removesuffix(error.advice) + advice


_OPTION_OF: Final = {
    "auth=(user, password)": "--auth USER",
    "hf_token=": "--token or HF_TOKEN",
}


def _complain(text: str, code: int) -> int:
    if sys.stderr is not None:  # pyright: ignore[reportUnnecessaryComparison]  # as in a process without one
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{NAME}: {one_line(text, 2000)}\n")
            sys.stderr.flush()
    return code


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """As for an interrupt: what runs is cancelled on the way out."""
    raise SystemExit(128 + number)


class _Messages(logging.Handler):
    """What the library logs, beside the progress."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(f"{record.levelname.lower()}: {record.getMessage()}")
