"""What an app tells of its functions, in its config and in its documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from gradio_sansio.testing.functions import Function


def described(
    functions: Iterable[tuple[int, Function]], ids: Iterator[int], **marks: object
) -> dict[str, Any]:
    """What a config says of functions, and of the components that are their inputs and outputs.

    Args:
        functions: with the index of each.
        ids: those of components that are free.
        marks: what each component and each function has beside that.
    """
    components: list[dict[str, Any]] = []
    dependencies: list[dict[str, Any]] = []
    for index, function in functions:
        slots: list[list[int]] = []
        for kinds in (function.inputs, function.outputs):
            slots.append(list(islice(ids, len(kinds))))
            components += (
                {
                    "id": slot,
                    "type": kind,
                    "props": {"label": f"{kind} {i}"},
                    "skip_api": kind == "state",
                    **marks,
                }
                for i, (slot, kind) in enumerate(zip(slots[-1], kinds, strict=True))
            )
        dependencies.append(
            {
                "id": index,
                "api_name": function.name,
                "inputs": slots[0],
                "outputs": slots[1],
                "backend_fn": True,
                "queue": function.queue,
                "types": {"generator": function.generator, "cancel": False},
                "connection": "stream" if function.streaming else "sse",
                "time_limit": 30 if function.streaming and function.timed else None,
                **marks,
            }
        )
    return {"components": components, "dependencies": dependencies}


def documented(functions: Iterable[Function]) -> dict[str, Any]:
    """What ``/info`` says of functions: the named ones, without their state."""
    named: dict[str, Any] = {}
    for function in functions:
        if function.name is not None:
            parameters = [
                _parameter(function, i, kind) for i, kind in enumerate(function.inputs) if kind != "state"
            ]
            returns: list[dict[str, Any]] = [
                {"label": f"{kind} {i}", "component": kind.capitalize(), "type": {}}
                for i, kind in enumerate(function.outputs)
                if kind != "state"
            ]
            named[f"/{function.name}"] = {"parameters": parameters, "returns": returns}
    return {"named_endpoints": named, "unnamed_endpoints": {}}


def _parameter(function: Function, i: int, kind: str) -> dict[str, Any]:
    name = function.names[i] if i < len(function.names) else f"p{i}"
    parameter: dict[str, Any] = {
        "label": f"{kind} {i}",
        "parameter_name": name,
        "component": kind.capitalize(),
        "type": {},
    }
    if name in function.defaults:
        parameter |= {"parameter_has_default": True, "parameter_default": function.defaults[name]}
    return parameter
