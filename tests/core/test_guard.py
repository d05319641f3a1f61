from __future__ import annotations

import pytest

from gradio_sansio.errors import LocalProtocolError
from gradio_sansio.guard import Guard


def test_one_input_after_another() -> None:
    guard = Guard()
    for _ in range(2):
        with guard:
            pass


def test_an_input_within_another() -> None:
    guard = Guard()
    with guard:
        for _ in range(2):
            with (
                pytest.raises(
                    LocalProtocolError, match="from one thread, and not from within itself"
                ) as caught,
                guard,
            ):
                pytest.fail("entered")
            assert caught.value.state == "busy"
    with guard:
        pass


def test_a_failed_input_frees_it() -> None:
    guard = Guard()
    with pytest.raises(ZeroDivisionError), guard:
        raise ZeroDivisionError
    with guard:
        pass
