"""What the repository promises about itself."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from docs import limits, states
from fuzz import fuzz_engine, fuzz_sse

if TYPE_CHECKING:
    from collections.abc import Callable

PIECES = (
    b"data: ",
    b"\n\n",
    b"\r\n",
    b": ping\n",
    b'{"msg":"process_starts","event_id":"e","eta":1.0}',
    b'{"msg":"process_generating","event_id":"e","output":{"data":["a"]},"success":true}',
    b'{"msg":"process_generating","event_id":"e","output":{"data":[[["append",[],"b"]]]},"success":true}',
    b'{"msg":"process_completed","event_id":"e","output":{"data":["ab"]},"success":true}',
    b'{"msg":"close_stream","event_id":null}',
    b'{"msg":"heartbeat"}',
    b"\xef\xbb\xbf",
    b"\xe2\x80\xa8",
    b"}",
)


def test_the_drawn_state_machines_are_those_of_the_code() -> None:
    assert states.PAGE.read_text(encoding="utf-8") == states.page(), "run python -m docs.states"


def test_the_page_of_limits_is_that_of_the_code() -> None:
    assert limits.PAGE.read_text(encoding="utf-8") == limits.page(), "run python -m docs.limits"


@pytest.mark.parametrize("target", [fuzz_sse.one_input, fuzz_engine.one_input], ids=["sse", "engine"])
def test_fuzz_targets_run(target: Callable[[bytes], None]) -> None:
    draw = random.Random(0)
    for _ in range(100):
        target(b"".join(draw.choices(PIECES, k=draw.randrange(12))))
