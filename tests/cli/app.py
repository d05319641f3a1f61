"""An app on the loopback interface that does its worst, and functions for all else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradio_sansio.testing.functions import Function, Report, Say, Sleep

if TYPE_CHECKING:
    from collections.abc import Generator

EVIL = "\x1b]0;owned\x07\x1b[31m\x1b[2Jred\x1b[0m \x9b31m\x90q\x9c\u202egnp.exe\u2066 \x08\x7f\rover\x1b"
META = {"_type": "gradio.FileData"}
HARMLESS = "red gnp.exe over"
"""What is left of it."""


def echo(text: str) -> str:
    return text


def evil(_: str) -> str:
    return f"{EVIL}\nsecond line"


def evil_json(_: str) -> dict[str, str]:
    return {EVIL: EVIL}


def evil_progress(_: str) -> Generator[object, None, None]:
    for i in range(3):
        yield Report(i, 3, EVIL)
        yield Say(EVIL, EVIL)
    yield EVIL
    yield EVIL * 2


def evil_error(_: str) -> str:
    raise ValueError(EVIL)


def steps(_: str) -> Generator[object, None, None]:
    for i in range(4):
        yield Report(i, 4, "a step with quite a long description")
        yield Sleep(0.05)
    yield "done"


def grow(_: str) -> Generator[object, None, None]:
    for text in ("one", "one two", "one two three"):
        yield text
        yield Sleep(0.05)


def endless(_: str) -> Generator[object, None, None]:
    i = 0
    while True:
        yield str(i)
        yield Sleep(0.05)
        i += 1


def slow(_: str) -> Generator[object, None, None]:
    yield Sleep(30)
    yield "late"


def fail_late(_: str) -> Generator[object, None, None]:
    yield "first"
    raise ValueError("boom")


def fail_with(text: str) -> str:
    raise ValueError(text)


def split(text: str) -> tuple[str, str]:
    head, _, tail = text.partition(" ")
    return head, tail


def same(file: object) -> object:
    return file


def picture(name: str) -> dict[str, object]:
    return {"path": "/tmp/gradio/x", "orig_name": name, "size": 5, "mime_type": "image/png", "meta": META}


def pictures(_: str) -> Generator[object, None, None]:
    for i in range(3):
        yield [picture(f"{i}.png"), picture(f"{i}.png"), {"caption": picture(f"{i}.jpg")}]


def evil_file(_: str) -> dict[str, object]:
    return picture(f"../{EVIL}\nsecond line")


def elsewhere(_: str) -> dict[str, object]:
    return {**picture("x"), "url": f"https://files.test/{EVIL}\nsecond line"}


FUNCTIONS = (
    Function("predict", echo),
    Function("add", lambda a, b: a + b, inputs=("number", "number"), outputs=("number",)),
    Function("evil", evil),
    Function("evil_json", evil_json, outputs=("json",)),
    Function("evil_progress", evil_progress),
    Function("evil_error", evil_error),
    Function("steps", steps),
    Function("grow", grow),
    Function("endless", endless),
    Function("slow", slow),
    Function("fail_late", fail_late),
    Function("split", split, outputs=("textbox", "textbox")),
    Function("file", same, inputs=("file",), outputs=("file",)),
    Function("picture", picture, outputs=("image",)),
    Function("pictures", pictures, outputs=("gallery",)),
    Function("evil_file", evil_file, outputs=("image",)),
    Function("elsewhere", elsewhere, outputs=("image",)),
    Function(
        "within", lambda _: {**picture("x"), "url": "data:image/png;base64,aGVsbG8="}, outputs=("image",)
    ),
    Function("value", echo, inputs=("json",), outputs=("json",)),
    Function("fail_with", fail_with),
    Function("double", lambda n: 2 * n, inputs=("number",), outputs=("number",), streaming=True),
)
