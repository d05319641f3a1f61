"""The commands. Each is a few lines over the adapter; what they share is in ``_run``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import click
from msgspec import structs, to_builtins

from gradio_sansio import AuthError, Data, EndpointNotFound, LocalProtocolError, ValidationError, __version__
from gradio_sansio_cli._output import emit, emit_json
from gradio_sansio_cli._run import NAME, Run, carry_out, with_options
from gradio_sansio_cli._space import ask, described
from gradio_sansio_cli._values import EQUALS_SIGN, check_text, payload, protect_numbers
from gradio_sansio_progress import clean
from gradio_sansio_sync import App, Submission
from gradio_sansio_sync import duplicate as make_copy

if TYPE_CHECKING:
    from gradio_sansio_system import DuplicateOptions

SOURCE: Final = (
    "\n\nSOURCE is the app's URL, or a Space: user/space-name, or the address of its page on the Hub."
)
VALUES: Final = """

ENDPOINT begins with a slash. Left out, it is /predict, or the only one there is.

\b
A VALUE is
  5  true  null  [1,2]  '{"a":1}'   JSON
  hello  'two words'                a text
  @cat.png  @https://host/cat.png   a file, or one that the server fetches
  '"5"'  '"a=b"'  @@me              a text that looks like something else
  name=VALUE                        a parameter by its name
Values by name may come in any order; those with a default may be left out.
Several files for one parameter are given by its name: in=@a.txt in=@b.txt
After -- a text may begin with a dash."""
ENDS: Final = """\b
Results go to standard output; progress, messages and errors go to standard
error. Exit codes:
  0    done
  2    the command line is wrong, or a file can't be written
  3    the app's function failed
  4    the endpoint or its arguments were refused, or a file can't be read
  5    not reached, connection lost, or timed out
  6    login or token wrong or missing, or a file that is not given out
  7    Space not running, queue full, quota or rate used up
  130  interrupted; what ran was cancelled
"""


class Command(click.Command):
    """A command that takes negative numbers for values."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As any command, but for those."""
        return super().parse_args(ctx, protect_numbers(args))


@click.group(
    NAME, epilog=ENDS, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name=NAME, message="%(prog)s %(version)s")
def group() -> None:
    """Call Gradio apps from a shell. COMMAND --help says what a command takes."""


def command(help: str) -> Callable[[Callable[..., None]], click.Command]:  # noqa: A002  # click's own word
    """A command of the group, with the options that all have."""

    def decorate(function: Callable[..., None]) -> click.Command:
        return group.command(cls=Command, help=help, short_help=help.split("\n", 1)[0], epilog=ENDS)(
            with_options(function)
        )

    return decorate


DIRECTORY: Final = click.Path(exists=True, file_okay=False, writable=True, path_type=Path)


def calling(function: Callable[..., None]) -> Callable[..., None]:
    """The arguments of a call."""
    function = click.option(
        "--endpoint", metavar="NAME", help="The endpoint's name or number; then all arguments are values."
    )(function)
    function = click.option(
        "--output",
        type=DIRECTORY,
        metavar="DIR",
        help="Download the files of the result, the last value, into this directory, and print their paths.",
    )(function)
    function = click.argument("arguments", nargs=-1, metavar="[ENDPOINT] [VALUE]...")(function)
    return click.argument("source")(function)


class Call:
    """An endpoint and its arguments, as given."""

    def __init__(self, arguments: Sequence[str], endpoint: str | None) -> None:
        if endpoint is None and arguments and arguments[0].startswith("/"):
            endpoint, *arguments = arguments
        self.first = f"/{arguments[0]}" if arguments else ""
        number = (endpoint or "").strip()
        self.endpoint: str | int | None = int(number) if number.isdecimal() and len(number) < 10 else endpoint
        self.payload: list[Any] | dict[str, Any] = payload(arguments)

    def submit(self, run: Run, app: App) -> Submission:
        """Begin it."""
        try:
            submission = app.submit(self.endpoint, self.payload, timeout=run.left())
        except ValidationError as error:
            if isinstance(self.payload, dict) and error.reason.startswith("is unknown"):
                error.message += f"; {EQUALS_SIGN}"
            raise
        except EndpointNotFound as error:
            if self.endpoint is None and self.first in error.available:
                error.message += f"; did you mean {self.first}, with its slash?"
            raise
        # There is no more for an endpoint that takes inputs while it runs; another has no such end.
        with suppress(LocalProtocolError):
            submission.end()
        return submission


@command(f"List an app's endpoints and their parameters.{SOURCE}")
@click.argument("source")
def api(run: Run, source: str) -> None:
    with run.connect(source) as app:
        info = app.view_api()
        if run.as_json:
            emit_json(to_builtins(info))
        else:
            emit(clean(str(info)))


@command(f"Call an endpoint and print its result: the last value, where it yields several.{SOURCE}{VALUES}")
@calling
def predict(
    run: Run, source: str, arguments: tuple[str, ...], endpoint: str | None, output: Path | None
) -> None:
    call = Call(arguments, endpoint)
    with run.connect(source) as app:
        submission = call.submit(run, app)
        for event in submission.events():
            run.show(event)
        result = submission.result()
        run.emit(result, None if output is None else run.save_all(app, result, output))


@command(
    "Call an endpoint and print each of its values as it comes. Where a call fails late, the values before that have been"
    f" printed.{SOURCE}{VALUES}"
)
@calling
def submit(
    run: Run, source: str, arguments: tuple[str, ...], endpoint: str | None, output: Path | None
) -> None:
    call = Call(arguments, endpoint)
    with run.connect(source) as app:
        submission = call.submit(run, app)
        for event in submission.events():
            if isinstance(event, Data):
                run.emit(event)
            else:
                run.show(event)
        result = submission.result()
        if output is not None:
            run.emit_paths(run.save_all(app, result, output).values())


@command(
    "Download a file that an app returned, and print where it is. FILE is its path on the server, or its URL, as"
    f" results name it.{SOURCE}"
)
@click.argument("source")
@click.argument("file")
@click.option(
    "--to",
    "--output",
    type=DIRECTORY,
    metavar="DIR",
    default=".",
    help="The directory to save it in. Default: the current one.",
)
def download(run: Run, source: str, file: str, to: Path) -> None:
    check_text(file)
    with run.connect(source) as app:
        run.emit_paths([run.save(app, file, to)])


SPACE: Final = "\n\nSPACE is user/space-name, or the address of its page on the Hub."


@command(f"Tell how a Space stands, without waking it. That it doesn't run is no error.{SPACE}")
@click.argument("space")
def status(run: Run, space: str) -> None:
    found = run.attempt(lambda: ask(space, run.options(space)))
    if run.as_json:
        emit_json(structs.asdict(found))
    else:
        emit(described(found))


@command(
    "Make a copy of a Space that belongs to the token's owner, unless it is there already; wait until it runs, and print"
    f" its address.{SPACE}"
)
@click.argument("space")
@click.option("--to", metavar="NAME", help="The copy's name, or OWNER/NAME. Default: the original's.")
@click.option("--private", is_flag=True, help="Let nobody but its owner see it.")
@click.option("--hardware", metavar="NAME", help="Such as cpu-basic or t4-small. Default: the original's.")
@click.option(
    "--sleep-after", type=float, metavar="MINUTES", help="Let it go to sleep after so long without a visitor."
)
def duplicate(
    run: Run, space: str, to: str | None, private: bool, hardware: str | None, sleep_after: float | None
) -> None:
    options = run.options(space)
    if options.get("hf_token") is None:
        raise AuthError(
            "a copy belongs to the owner of a token: set HF_TOKEN, or pass --token",
            hint="HF_TOKEN or --token",
        )
    how: DuplicateOptions = {
        **cast("DuplicateOptions", options),
        "to": to,
        "private": private,
        "hardware": hardware,
        "timeout": sleep_after,
    }
    with run.attempt(lambda: make_copy(space, **how)) as app:
        if run.as_json:
            emit_json({"url": app.url})
        else:
            emit(app.url)


def run(arguments: Sequence[str] | None) -> int:
    """Run a command line and return its exit code."""
    return carry_out(group, sys.argv[1:] if arguments is None else arguments)
