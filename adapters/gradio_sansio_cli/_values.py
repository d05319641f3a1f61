"""Values as they stand on a command line.

A VALUE is, in this order: ``name=value`` for a parameter by its name, ``@path`` for a file, JSON, or a bare string.
A text that looks like one of the former is written as JSON: ``'"a=b"'``; one that begins with an @ also with two: ``@@me``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

import click

from gradio_sansio import InputFile, handle_file

# The name may be a label with spaces in it (servers before 4.23 know no others), and stands in quotes then.
_NAMED: Final = re.compile(r'([^\W\d]\w*|"(?:[^"\\]|\\.)*+")=(.*)', re.DOTALL)
EQUALS_SIGN: Final = "a text with an equals sign is written as JSON: '\"a=b\"'"
_NUMBER: Final = re.compile(r"-\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def payload(values: Iterable[str]) -> list[Any] | dict[str, Any]:
    """The arguments of a call: a list, or a mapping where the values are named.

    Raises:
        click.UsageError: a value can't be understood; it says which, and how to write it.
    """
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for text in values:
        found = _NAMED.fullmatch(text)
        if found is None:
            positional.append(value(text))
            continue
        name = value(found[1]) if found[1].startswith('"') else found[1]
        given = value(found[2])
        if name not in named:
            named[name] = given
        elif isinstance(given, InputFile) and isinstance(named[name], (InputFile, _Files)):
            before = named[name]
            named[name] = _Files([*(before if isinstance(before, _Files) else [before]), given])
        else:
            raise click.UsageError(f"the parameter {name!r} is given twice, which only files can be.")
    if positional and named:
        raise click.UsageError(
            f"values are given either all by position or all as name=value; {EQUALS_SIGN}."
        )
    return named or positional


def value(text: str) -> Any:
    """One value, without its name.

    Raises:
        click.UsageError: it can't be understood.
    """
    if text.startswith("@") and not text.startswith("@@"):
        if text == "@":
            raise click.UsageError("a file is written as @path, and a text that begins with an @ as @@text.")
        return handle_file(text[1:])
    check_text(text)
    if text.startswith("@@"):
        return text[1:]
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise click.UsageError("a value is nested too deeply.") from None
    except ValueError as error:
        if text.lstrip()[:1] not in ("{", "[", '"'):
            return text
        why = (
            f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
            if isinstance(error, json.JSONDecodeError)
            else error
        )
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        raise click.UsageError(
            f"the value {shown!r} begins like JSON, but is none ({why}); a text is written as '\"text\"'."
        ) from None


def check_text(text: str) -> None:
    """Refuse bytes that are no text. Names of files may have them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise click.UsageError(f"the value {text!a} is not valid text in this locale's encoding.") from None


def protect_numbers(arguments: list[str]) -> list[str]:
    """So that ``-5`` is a value and no option: JSON takes no notice of a space, and the parser of options does."""
    return [f" {text}" if _NUMBER.fullmatch(text) else text for text in arguments]


class _Files(list[InputFile]):
    """Several files for one parameter, each of which was given by its name."""


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        # It would arrive as null.
        raise click.UsageError(f"the number {text} is too large.")
    return number


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
