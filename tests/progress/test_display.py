"""What a display writes, to a stream that is no terminal and with values that make no sense."""

from __future__ import annotations

import io
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradio_sansio import Data, Log, Progress, Status
from gradio_sansio.session.diff import Outputs
from gradio_sansio.values import Returns
from gradio_sansio_progress import Display, clean, one_line
from gradio_sansio_progress._display import _Bar

if TYPE_CHECKING:
    from gradio_sansio.inbox import Value

NUMBERS = [None, 0.0, -1.0, 0.5, 1.0, 2.0, 3.0, math.inf, -math.inf, math.nan, 1e308]
HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ud800-\udfff]")


def data(*values: object) -> Data:
    return Data(Outputs(list(values)), Returns("/x", 0), datetime.now(UTC))


def written(*events: Value, values: bool = True) -> list[str]:
    file = io.StringIO()
    with Display(file=file, values=values) as display:
        for event in events:
            display.put(event)
    return file.getvalue().splitlines()


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def running(**progress: float | str | None) -> Status:
    return Status(queue=True, stage="pending", position=0, progress_data=(Progress(**progress),))  # type: ignore[arg-type]  # as a server may


def test_a_line_for_each_change() -> None:
    waiting = Status(queue=True, stage="pending", position=2, size=3, eta=11.6)
    assert written(
        Status(queue=True, stage="pending"),
        waiting,
        waiting,
        Status(queue=True, stage="pending", position=0),
        Log("take care", "warning"),
        Status(queue=True, stage="complete", success=True),
    ) == ["sent", "in the queue: 2 before it, about 12 s", "next, or running", "warning: take care"]


def test_a_bar_in_tenths() -> None:
    lines = written(*(running(index=i, length=100, unit="files", desc="copying") for i in range(100)))
    assert lines == [f"copying: {i} of 100 files" for i in range(0, 100, 10)]
    assert written(running(progress=0.25)) == ["running: 25%"]


def test_bytes_as_people_read_them() -> None:
    for index, length, shown in (
        (0, 999, "0{}999 bytes"),
        (512, 12_345, "0.5{}12.3 kB"),
        (2_500_000, 12_345_678, "2.5{}12.3 MB"),
        (12_345_678, 12_345_678, "12.3{}12.3 MB"),
        (1_000_000, 34_560_000_000, "0.0{}34.6 GB"),
    ):
        uploading = running(index=index, length=length, unit="bytes", desc="cat.png")
        assert written(uploading) == [f"cat.png: {shown.format(' of ')}"]
        file = Tty()
        with Display(file=file) as display:
            display.put(uploading)
            display.put(running(index=length, length=length, unit="bytes", desc="cat.png"))
        assert f"| {shown.format('/')} [" in file.getvalue()
        assert f"{shown.split('{}')[1]} [" in file.getvalue().rpartition("100%")[2]
    assert written(running(index=2_500_000, unit="bytes", desc="cat.png")) == ["cat.png: 2.5 MB"]


def test_many_steps_are_counted_in_full() -> None:
    assert written(running(index=1_234_567, length=7_654_321)) == ["running: 1234567 of 7654321 steps"]


def test_nested_bars() -> None:
    bars = (Progress(index=1, length=2, desc="outer"), Progress(index=3, length=9, desc="inner"))
    status = Status(queue=True, stage="pending", position=0, progress_data=bars)
    assert written(status) == ["outer / inner: 1 of 2 steps"]


def test_text_as_it_grows() -> None:
    yields = Status(queue=True, stage="generating")
    values: list[Value] = [
        yields,
        data("a"),
        yields,
        data("a b"),
        yields,
        data("other"),
        yields,
        data("other end"),
    ]
    assert written(*values) == ["running", "a b", "other end"]
    assert written(*values, values=False) == ["running"]
    assert written(yields, data(1), yields, data(None), yields, data()) == ["running"]


def test_a_result_is_not_shown() -> None:
    assert written(data("all there is")) == []


@pytest.mark.parametrize("index", NUMBERS)
@pytest.mark.parametrize("length", NUMBERS)
def test_numbers_that_make_no_sense(index: float | None, length: float | None) -> None:
    for file in (io.StringIO(), Tty()):
        with Display(file=file) as display:
            display.put(running(index=index, length=length, unit="\x1b[2J", desc="{n}\x1b[2J%"))
            display.put(running(progress=index))
        assert not HARMFUL.search(file.getvalue().replace("\r", ""))


def test_a_stream_that_is_closed() -> None:
    for file in (io.StringIO(), Tty()):
        with Display(file=file) as display:
            display.put(running(index=1, length=2))
            file.close()
            display.put(running(index=2, length=2))
            display.say("x")
            with display.aside():
                pass


def test_nothing_is_drawn_before_there_is_something_to_say() -> None:
    file = Tty()
    with Display(file=file) as display, display.aside():
        pass
    assert file.getvalue() == ""
    assert isinstance(_Bar(file), _Bar)


@given(st.text(st.sampled_from("\x1b\x9b\x9d\x90\x07\x9c\\[];?0m a\u202e\u2066\u2028\ud800\r\n\t\x7f")))
def test_clean(text: str) -> None:
    assert not HARMFUL.search(clean(text))
    assert clean(clean(text)) == clean(text)
    assert "\n" not in one_line(text)


@given(st.text(st.characters(exclude_categories=["C", "Z"])))
def test_clean_leaves_text_alone(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("\x1b]8;;https://example.org\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bPq#0\x1b\\x", "x"),
        ("\x9b2Jx", "x"),
        ("\x1b]never ended", "never ended"),
        ("\x1b(0x", "x"),
        ("a\x08b\rc\x7f", "abc"),
        ("a\nb\tc", "a\nb\tc"),
        ("👩\u200d👧 नमस्\u200dते", "👩\u200d👧 नमस्\u200dते"),
    ],
)
def test_what_is_left(text: str, left: str) -> None:
    assert clean(text) == left


def test_a_long_text_is_read_once() -> None:
    # Were each of these starts followed to the end, this would take minutes.
    text = "\x1b]" * 200_000 + "\x1b[" + "0" * 200_000
    assert "\x1b" not in clean(text)
