from __future__ import annotations

import itertools

import pytest

from gradio_sansio.commands import ExchangeId
from gradio_sansio.wire.exchange import TRANSITIONS, Exchange, ExchangeInput, ExchangeState
from gradio_sansio.wire.origin import Url

URL = Url.parse("http://app.test/")


@pytest.mark.parametrize(("state", "input"), list(itertools.product(ExchangeState, ExchangeInput)))
def test_every_input_in_every_state(state: ExchangeState, input: ExchangeInput) -> None:
    exchange = Exchange(ExchangeId(0), "GET", URL, ())
    exchange.state = state
    target = TRANSITIONS[state].get(input)
    if target is None:
        with pytest.raises(KeyError):
            exchange.on(input)
        assert exchange.state is state
    else:
        exchange.on(input)
        assert exchange.state is target


def test_every_state_can_be_reached_and_left() -> None:
    reached = {ExchangeState.WAITING}
    for _ in ExchangeState:
        reached |= {target for state in reached for target in TRANSITIONS[state].values()}
    assert reached == set(ExchangeState)
    for state in ExchangeState:
        if state is not ExchangeState.DONE:
            assert TRANSITIONS[state][ExchangeInput.FINISHED] is ExchangeState.DONE


def test_what_was_reported_is_not_taken_back() -> None:
    for state in (ExchangeState.RECEIVING, ExchangeState.OPEN, ExchangeState.CLOSING, ExchangeState.DONE):
        assert ExchangeInput.RETURNED not in TRANSITIONS[state]
