from __future__ import annotations

import gc
from typing import Any

import pytest

from gradio_sansio.commands import Close, Connect, ConnectionId, PauseReading, Send
from gradio_sansio.events import AppClosed, JobId, StatusChanged
from gradio_sansio.testing import Placeholder, Playbook, placeholder
from gradio_sansio.values import Status

ONE, TWO = ConnectionId(1), ConnectionId(2)


class Machine:
    """Says what it is told to."""

    def __init__(self, *actions: object) -> None:
        self.actions = list(actions)
        self.calls: list[tuple[object, ...]] = []

    def drain(self) -> list[object]:
        actions, self.actions = self.actions, []
        return actions

    def say(self, *actions: object, now: float = 0.0) -> None:
        self.calls.append((*actions, now))
        self.actions += actions

    def note(self, value: object, *, now: float) -> None:
        self.calls.append((value, now))


def fails(playbook: Playbook) -> str:
    with pytest.raises(AssertionError) as caught:
        playbook.run()
    return str(caught.value)


def test_what_goes_as_written() -> None:
    machine = Machine(Close(ONE))
    Playbook(machine.drain).expect(Close(ONE)).then(machine.say, Close(TWO), AppClosed(), now=1.0).expect(
        Close(TWO), AppClosed()
    ).run()
    assert machine.calls == [(Close(TWO), AppClosed(), 1.0)]


def test_what_does_not() -> None:
    machine = Machine(Close(ONE))
    text = fails(
        Playbook(machine.drain)
        .expect(Close(ONE))
        .then(machine.say, Close(TWO), AppClosed(), now=1.0)
        .expect(Close(TWO), PauseReading(ONE), AppClosed)
        .then(machine.say)
    )
    assert text.splitlines() == [
        "the playbook and the machine part ways",
        "",
        "  << Close(connection=1)",
        "  ---- asserted up to here ----",
        "  >> say(Close(connection=2), AppClosed(), now=1.0)",
        f"     {'expected':<64}   seen",
        f"     {'Close(connection=2)':<64}   Close(connection=2)",
        f"  !  {'PauseReading(connection=1)':<64}   AppClosed()",
        f"  !  {'any AppClosed':<64}   ",
    ]
    # What was to come after it was not done.
    assert len(machine.calls) == 1


def test_more_than_was_expected() -> None:
    text = fails(Playbook(Machine(Close(ONE)).drain))
    assert f"  !  {'':<64}   Close(connection=1)" in text


def test_long_actions_stand_below_each_other() -> None:
    long = Connect(ONE, "a-very-long-name." * 5 + "test", 80)
    lines = fails(Playbook(Machine(Close(ONE)).drain).expect(long)).splitlines()
    assert lines[-2] == f"  !  {long!r}"
    assert lines[-1].strip() == "Close(connection=1)"


def test_the_bytes_of_a_send_are_shown() -> None:
    machine = Machine()
    text = fails(Playbook(machine.drain).then(machine.note, b"x" * 100, now=1.0).expect(Send(ONE, b"abc")))
    assert "note(b'xxx" not in text
    assert "note([...], now=1.0)" in text
    assert "Send(1, b'abc')" in text


def test_a_class_matches_any_instance() -> None:
    Playbook(Machine(Close(ONE), AppClosed()).drain).expect(Close, AppClosed).run()
    fails(Playbook(Machine(Close(ONE)).drain).expect(AppClosed))


def test_sends_in_a_row_are_one() -> None:
    machine = Machine(Send(ONE, b"a"), Send(ONE, b"b"), Send(TWO, b"c"), Send(ONE, b"d"))
    Playbook(machine.drain).expect(Send(ONE, b"ab"), Send(TWO, b"c"), Send(ONE, b"d")).run()
    machine = Machine(Send(ONE, b"ab"))
    Playbook(machine.drain).expect(Send(ONE, b"a"), Send(ONE, b"b")).run()
    # One that is not known can't be joined to anything.
    machine = Machine(Send(ONE, b"ab"))
    fails(Playbook(machine.drain).expect(Send(ONE, b"a"), Send(ONE, placeholder(bytes))))
    machine = Machine(Send(ONE, b"ab"), Close(ONE), Send(ONE, b"c"))
    Playbook(machine.drain).expect(Send(ONE, placeholder(bytes)), Close(ONE), Send(ONE, b"c")).run()


def test_a_placeholder_is_bound_once() -> None:
    conn = placeholder(int)
    machine = Machine(Close(TWO))
    Playbook(machine.drain).expect(Close(conn)).then(machine.note, conn, now=3.0).then(
        machine.say, Close(TWO), now=4.0
    ).expect(Close(conn)).run()
    assert conn() == 2
    assert machine.calls[0] == (2, 3.0)
    fails(Playbook(Machine(Close(ONE)).drain).expect(Close(conn)))
    assert conn() == 2
    assert repr(conn) == "2"


def test_a_placeholder_has_a_type() -> None:
    for kind, value in ((int, "1"), (str, 1), (int, True), (bytes, None)):
        place: Any = placeholder(kind)
        fails(Playbook(Machine(Close(value)).drain).expect(Close(place)))  # type: ignore[arg-type]
        assert not place.bound
        assert repr(place) == f"<{kind.__name__}>"
        with pytest.raises(AssertionError, match="not been bound"):
            place()
    Playbook(Machine(Close(True)).drain).expect(Close(placeholder(bool))).run()  # type: ignore[arg-type]


def test_a_comparison_that_fails_binds_nothing() -> None:
    conn = placeholder(int)
    fails(Playbook(Machine(Connect(ONE, "a", 80)).drain).expect(Connect(conn, "b", 80)))
    assert not conn.bound
    # One that stands in two places must be the same in both.
    fails(Playbook(Machine(Connect(ONE, "a", 80)).drain).expect(Connect(conn, "a", conn)))
    assert not conn.bound
    Playbook(Machine(Connect(ONE, "a", 1)).drain).expect(Connect(conn, "a", conn)).run()
    assert conn() == 1


def test_fields_within_fields() -> None:
    position = placeholder(int)
    seen = StatusChanged(JobId(1), Status(queue=True, stage="pending", position=3, progress_data=()), 256)
    Playbook(Machine(seen).drain).expect(
        StatusChanged(
            JobId(1),
            Status(queue=True, stage="pending", position=position, progress_data=()),
            placeholder(int),
        )
    ).run()
    assert position() == 3
    fails(Playbook(Machine((1, [2, 3])).drain).expect((1, [2])))
    Playbook(Machine((1, [2, 3])).drain).expect((1, [2, placeholder(int)])).run()


# Its own finalizer is what is tested.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_playbook_that_never_runs_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    caught: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", lambda args: caught.append(args.exc_value))
    Playbook(Machine().drain).expect(Close(ONE))
    gc.collect()
    assert [str(error) for error in caught] == [
        "a playbook was written and never run: its last word must be .run()"
    ]
    assert isinstance(placeholder(int), Placeholder)
