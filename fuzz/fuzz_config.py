"""Invariant: whatever JSON a server gives for its config and for the description of its API, the app is refused with ``NotAConfig`` or
its endpoints can be listed, found, printed and given arguments; nothing raises but ``NotAConfig``, ``EndpointNotFound`` and
``ValidationError``."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fuzz.harness import answers, fuzz
from gradio_sansio.errors import EndpointNotFound, ValidationError
from gradio_sansio.session.arguments import bind
from gradio_sansio.session.config import NotAConfig, parse_config, rendered
from gradio_sansio.session.endpoints import Endpoints
from gradio_sansio.session.jsontext import BadJson, decode


def one_input(data: bytes) -> None:
    """The input is JSON: the config, or a list of the config, the description and what is rendered later."""
    try:
        value = decode(data, depth=100)
    except BadJson:
        return
    raw, info, more = (*value, None, None, None)[:3] if isinstance(value, list) else (value, None, None)
    try:
        config = parse_config(raw)
    except NotAConfig as error:
        assert str(error)
        return
    for each in (config, rendered(config, more)):
        if each is None:
            continue
        endpoints = Endpoints(each, info)
        str(endpoints.info)
        repr(endpoints.info)
        for fn_index in each.dependencies:
            try:
                found = endpoints.find(fn_index)
            except EndpointNotFound:
                continue
            for payload in ((), ["x"] * len(found.parameters), {"x": 1}):
                try:
                    bind(found, each.dependencies[fn_index], payload)
                except ValidationError as error:
                    assert error.reason
        try:
            endpoints.find(None)
        except EndpointNotFound as error:
            assert len(error.message) < 100_000


def seeds() -> Iterator[bytes]:
    configs = [answer for answer in answers() if isinstance(answer, dict) and "dependencies" in answer]
    infos = [answer for answer in answers() if isinstance(answer, dict) and "named_endpoints" in answer]
    for number, config in enumerate(configs):
        small = {**config, "dependencies": config["dependencies"][:3], "components": config["components"][:6]}
        info = infos[number % len(infos)]
        named = dict(list(info["named_endpoints"].items())[:2])
        yield json.dumps(small).encode()
        yield json.dumps([small, {**info, "named_endpoints": named}]).encode()
    yield json.dumps(
        [configs[0], None, {"components": [{"id": 900, "type": "x"}], "dependencies": [{"id": 99}]}]
    ).encode()


if __name__ == "__main__":
    fuzz(one_input)
