"""From what the caller passes to the ``data`` list on the wire.

The wire wants one value for each input of the function, hidden State slots included (null there, the server fills them in). The
caller gives those that the description shows, by position or by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn, TypeAlias

from gradio_sansio.errors import ValidationError
from gradio_sansio.session.api_info import Endpoint, Parameter
from gradio_sansio.session.config import Dependency

Payload: TypeAlias = list[Any] | tuple[Any, ...] | Mapping[str, Any] | None
"""Arguments: by position, by name, or none."""


def bind(endpoint: Endpoint, dependency: Dependency, payload: Payload) -> list[Any]:
    """The ``data`` of a request.

    Raises:
        ValidationError: an argument is unknown, missing or given twice, or the payload is neither a list nor a mapping.
    """
    slots = [component for component in dependency.inputs if not component.is_state]
    if payload is None:
        payload = ()
    if isinstance(payload, Mapping):
        values = _by_name(endpoint, payload)
    elif isinstance(payload, (list, tuple)):  # pyright: ignore[reportUnnecessaryIsInstance]  # not every caller is typed
        values = list(payload)
        if len(slots) < len(values) == len(dependency.inputs):
            # Callers of the first JavaScript client pass null for State themselves.
            values = [
                v for v, component in zip(values, dependency.inputs, strict=True) if not component.is_state
            ]
        if len(values) != len(slots):
            values = _by_position(endpoint, values)
    else:
        _invalid(
            endpoint, None, f"the payload must be a list or a mapping by name, not {type(payload).__name__}"
        )
    if len(values) != len(slots):
        # Inputs that the description leaves out though they are no State (a Dataset): their first value is the page's.
        given = iter(values)
        values = [component.props.get("value") if component.skipped else next(given) for component in slots]
    filled = iter(values)
    return [None if component.is_state else next(filled) for component in dependency.inputs]


def parameters_of_inputs(endpoint: Endpoint, dependency: Dependency) -> list[Parameter | None]:
    """Which parameter each input of the function is; None for what the description doesn't show."""
    parameters = iter(endpoint.parameters)
    return [None if component.skipped else next(parameters, None) for component in dependency.inputs]


def _by_position(endpoint: Endpoint, values: list[Any]) -> list[Any]:
    parameters = endpoint.parameters
    if len(values) > len(parameters):
        _invalid(endpoint, None, f"too many arguments ({len(values)}); {_known(endpoint)}")
    return values + [_default_of(endpoint, parameter) for parameter in parameters[len(values) :]]


def _by_name(endpoint: Endpoint, payload: Mapping[Any, Any]) -> list[Any]:
    given: dict[str, Any] = {}
    for key, value in payload.items():
        parameter = _parameter(endpoint, key)
        if parameter.name in given:
            _invalid(endpoint, parameter.name, "is given twice, by name and by label")
        given[parameter.name] = value
    return [
        given[parameter.name] if parameter.name in given else _default_of(endpoint, parameter)
        for parameter in endpoint.parameters
    ]


def _parameter(endpoint: Endpoint, key: object) -> Parameter:
    for parameter in endpoint.parameters:
        if parameter.name == key:
            return parameter
    labelled = [parameter for parameter in endpoint.parameters if parameter.label == key]
    if len(labelled) == 1:
        return labelled[0]
    _invalid(endpoint, key if isinstance(key, str) else repr(key), f"is unknown; {_known(endpoint)}")


def _known(endpoint: Endpoint) -> str:
    names = ", ".join(parameter.name for parameter in endpoint.parameters) or "none"
    return f"the parameters are: {names}"


def _default_of(endpoint: Endpoint, parameter: Parameter) -> Any:
    if parameter.has_default:
        return parameter.default
    _invalid(endpoint, parameter.name, "is missing, and has no default")


def _invalid(endpoint: Endpoint, parameter: str | None, reason: str) -> NoReturn:
    where = endpoint.name or f"endpoint {endpoint.fn_index}"
    subject = f"{where}: parameter {_brief(parameter)} " if parameter is not None else f"{where}: "
    raise ValidationError(subject + reason, parameter=parameter, reason=reason)


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:80] + "..."
