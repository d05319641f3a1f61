from __future__ import annotations

import math
from typing import Any

import pytest

from gradio_sansio.limits import Limits

NAMES = Limits.__struct_fields__


def test_the_defaults() -> None:
    # Promised in the docs; a change is a change for users.
    limits = Limits()
    assert {name: getattr(limits, name) for name in NAMES} == {
        "connect": 15.0,
        "request": 60.0,
        "idle": 60.0,
        "idle_direct": 600.0,
        "ping": 20.0,
        "waking": 1800.0,
        "grace": 2.0,
        "keep_alive": 4.0,
        "redirects": 3,
        "connections": 16,
        "streams": 512,
        "reopens": 3,
        "hub_failures": 5,
        "cookies": 50,
        "mailbox": 10_000,
        "tombstones": 10_000,
        "json_depth": 100,
        "header": 65_536,
        "body": 67_108_864,
        "event": 67_108_864,
        "early": 67_108_864,
        "buffer": 268_435_456,
        "job_buffer": 16_777_216,
        "inline": 12_582_912,
        "download": 17_179_869_184,
        "download_buffer": 1_048_576,
        "cookie": 4_096,
    }


def test_reasons_in_the_defaults() -> None:
    limits = Limits()
    assert limits.idle > 3 * 15, "a heartbeat or two may be late"
    assert limits.ping < limits.idle / 2, "a lost websocket is noticed within idle"
    assert limits.keep_alive < 5, "uvicorn closes after 5 s"


def test_each_must_be_a_number() -> None:
    with pytest.raises(TypeError, match=r"^Limits\.idle must be a number, not str$"):
        Limits(idle="60")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^Limits\.idle must be a number, not bool$"):
        Limits(idle=True)
    with pytest.raises(ValueError, match=r"^Limits\.idle is too large to be a number$"):
        Limits(idle=10**400)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [0, -1, -0.5, math.nan])
def test_each_must_be_positive(name: str, value: float) -> None:
    values: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"^Limits.{name} must be positive, not {value}$"):
        Limits(**values)


def test_frozen_and_by_name_only() -> None:
    with pytest.raises(AttributeError):
        Limits().idle = 1  # type: ignore[misc]
    with pytest.raises(TypeError):
        Limits(1.0)  # type: ignore[call-arg]
    assert Limits(idle=1.5).idle == 1.5
    assert Limits(idle=math.inf).idle == math.inf
    assert Limits() == Limits()
