"""What can be called, and with which arguments: ``view_api``.

The server describes its endpoints at ``/info`` (3.26 and later), keyed by name. Which of them exist and how they are called is the
config's to say; a description that is missing is derived from the config's components.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct, field

from gradio_sansio.session.config import Component, Config, Dependency
from gradio_sansio.session.jsontext import BadJson, decode
from gradio_sansio.session.shapes import mapping, mappings, text


class Parameter(Struct, frozen=True):
    """One argument of an endpoint."""

    name: str
    """For a payload by name. Servers before 4.23 give no names: there it is the label."""
    label: str
    component: str
    type: Any
    """The JSON schema of its values, as the server gives it."""
    python_type: str
    default: Any = None
    has_default: bool = False
    description: str = ""

    def __repr__(self) -> str:
        return f"<Parameter {str(self)!r}>"

    def __str__(self) -> str:
        text = _plain(f"{self.name}: {self.python_type}")
        return f"{text} = {_shortened(repr(self.default), 40)}" if self.has_default else text


class Return(Struct, frozen=True):
    """One output of an endpoint."""

    label: str
    component: str
    type: Any
    """The JSON schema of its values, as the server gives it."""
    python_type: str
    description: str = ""

    def __repr__(self) -> str:
        return f"<Return {str(self)!r}>"

    def __str__(self) -> str:
        return _plain(f"{self.label}: {self.python_type}")


class Endpoint(Struct, frozen=True):
    """One function that can be called."""

    name: str | None
    """With its slash; None for an unnamed one, which is called by ``fn_index``."""
    fn_index: int
    parameters: tuple[Parameter, ...]
    returns: tuple[Return, ...]
    generator: bool
    """It may yield several results."""
    cancellable: bool
    """The server can be told to stop it."""
    description: str = ""

    def __repr__(self) -> str:
        return f"<Endpoint {self._signature!r}>"

    @property
    def _signature(self) -> str:
        return f"{self.name or self.fn_index}({', '.join(p.name for p in self.parameters)})"

    def __str__(self) -> str:
        lines = [self._signature]
        if self.generator:
            lines[0] += "   yields"
        if self.description:
            lines.append(f"    {_shortened(self.description, 200)}")
        parts: list[tuple[str, str, str]] = []
        parts += (("", str(p), _remark(p)) for p in self.parameters)
        parts += (("-> ", str(r), _remark(r)) for r in self.returns)
        width = min(48, max((len(mark + text) for mark, text, _ in parts), default=0))
        lines += (f"    {mark + text:<{width}}  {remark}".rstrip() for mark, text, remark in parts)
        return "\n".join(map(_plain, lines))


class ApiInfo(Struct, frozen=True):
    """All endpoints of an app that are documented. ``str()`` of it is made to be read in a terminal."""

    named_endpoints: dict[str, Endpoint] = field(default_factory=dict[str, Endpoint])
    unnamed_endpoints: dict[int, Endpoint] = field(default_factory=dict[int, Endpoint])

    def __iter__(self) -> Iterator[Endpoint]:
        yield from self.named_endpoints.values()
        yield from self.unnamed_endpoints.values()

    def __repr__(self) -> str:
        names = [repr(name) for name in (*self.named_endpoints, *self.unnamed_endpoints)]
        more = f", and {len(names) - 6} more" if len(names) > 6 else ""
        return f"<ApiInfo {', '.join(names[:6]) or 'without endpoints'}{more}>"

    def __str__(self) -> str:
        return "\n\n".join(str(endpoint) for endpoint in self) or "(no endpoint)"


class Description:
    """What an app says of its endpoints at ``/info``. Decoded when that is needed first, so not for whoever only opens an app."""

    def __init__(self, text: bytes, depth: int) -> None:
        self._text = text
        self._depth = depth

    @cached_property
    def value(self) -> object:
        """The JSON, or None where there is none that can be read."""
        try:
            return decode(self._text, depth=self._depth)
        except BadJson:
            return None


def endpoints_of(config: Config, info: object) -> dict[int, Endpoint]:
    """Every callable function of the config, with the server's description where ``info`` holds a usable one.

    ``info`` is the decoded answer of ``/info``, or None where there is none.
    """
    description = mapping(info)
    # The web service that described the oldest servers wrapped its answer so.
    description = mapping(description.get("api")) or description
    named, unnamed = (
        mapping(description.get("named_endpoints")),
        mapping(description.get("unnamed_endpoints")),
    )
    endpoints: dict[int, Endpoint] = {}
    for dependency in config.dependencies.values():
        if dependency.callable:
            index = dependency.fn_index
            described = named.get(dependency.name) if dependency.name else unnamed.get(str(index))
            endpoints[index] = _endpoint(dependency, mapping(described))
    return endpoints


def _endpoint(dependency: Dependency, described: Mapping[str, Any]) -> Endpoint:
    inputs = [component for component in dependency.inputs if not component.skipped]
    outputs = [component for component in dependency.outputs if not component.skipped]
    items = _items(described.get("parameters"), len(inputs))
    parameters: list[Parameter] = []
    taken: dict[str, int] = {}
    for component, item in zip(inputs, items, strict=True):
        parameters.append(_parameter(component, item, taken))
    items = _items(described.get("returns"), len(outputs))
    return Endpoint(
        name=dependency.name,
        fn_index=dependency.fn_index,
        parameters=tuple(parameters),
        returns=tuple(
            Return(*_common(component, item, f"output {i + 1}"))
            for i, (component, item) in enumerate(zip(outputs, items, strict=True))
        ),
        generator=dependency.generator,
        cancellable=dependency.cancellable,
        description=_text(described.get("description")),
    )


def _items(raw: object, count: int) -> list[Mapping[str, Any]]:
    """The description's items, or empty ones where they don't match the config's slots one to one."""
    items = mappings(raw)
    return items if len(items) == count else [{} for _ in range(count)]


def _parameter(component: Component, item: Mapping[str, Any], taken: dict[str, int]) -> Parameter:
    label, kind, schema, python_type, description = _common(component, item, f"input {len(taken) + 1}")
    name = _text(item.get("parameter_name")) or label
    # For each name the number that made the last one of its kind unique: counting from 1 each time would be quadratic.
    unique, count = name, taken.get(name, 0)
    while unique in taken:
        count += 1
        unique = f"{name}_{count}"
    taken[name] = count
    taken.setdefault(unique, 0)
    has_default = item.get("parameter_has_default") is True
    default = item.get("parameter_default")
    if "parameter_has_default" not in item and component.props.get("value") is not None:
        # Before 4.23 no server spoke of defaults: the component's first value is what a page would send.
        has_default, default = True, component.props["value"]
    return Parameter(unique, label, kind, schema, python_type, default, has_default, description)


def _common(component: Component, item: Mapping[str, Any], fallback: str) -> tuple[str, str, Any, str, str]:
    schema = item.get("type") or component.schema
    python = mapping(item.get("python_type"))
    return (
        _text(item.get("label")) or component.label or fallback,
        _text(item.get("component")) or component.type.capitalize(),
        schema,
        _text(python.get("type")) or _python_type(schema),
        _text(python.get("description")) or _text(mapping(schema).get("description")),
    )


def _python_type(schema: object) -> str:
    kind = mapping(schema).get("type")
    plain = {
        "string": "str",
        "number": "float",
        "integer": "int",
        "boolean": "bool",
        "array": "list",
        "object": "dict",
    }
    return plain.get(kind, "Any") if isinstance(kind, str) else "Any"


def _remark(item: Parameter | Return) -> str:
    parts = [item.component]
    if (
        item.label
        and not (isinstance(item, Parameter) and item.label == item.name)
        and isinstance(item, Parameter)
    ):
        parts.append(repr(item.label))
    # What Gradio says of a file (up to 6.31) is the docstring of a class of its own.
    if item.description and "filepath" not in item.python_type:
        parts.append(_shortened(item.description, 80))
    return ", ".join(parts)


def _text(value: object) -> str:
    return text(value) or ""


def _plain(text: str) -> str:
    """Without what would steer a terminal, or turn a line's direction: the server's texts are shown in one."""
    return text if text.isprintable() else "".join(filter(str.isprintable, text))


def _shortened(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[:length] + "..."
