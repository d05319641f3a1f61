"""The app's config: its own description of itself, read with suspicion.

A config is a claim. Fields may be missing or of the wrong type in any version, and a hostile app writes what it likes; so every
field that the protocol turns on is checked here, in one place, and nothing else reads the raw mapping.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final, TypeGuard

from msgspec import Struct

from gradio_sansio.session.shapes import is_list, is_mapping, mapping, mappings


class Dialect(Enum):
    """How an endpoint is called. The values are those of ``config.protocol``, but for two that no config names."""

    DIRECT = "direct"
    """One POST, answered when the function is done; in all versions, for functions outside the queue."""
    WS = "ws"
    """A websocket for each job: Gradio 3.1.5 to 3.50.2, whose config names no protocol."""
    SSE = "sse"
    """An event stream for each job: 4.0 to 4.8."""
    SSE_V1 = "sse_v1"
    """One event stream for all jobs of a session: 4.9 to 4.16."""
    SSE_V2 = "sse_v2"
    """Yields as diffs: 4.17 to 4.20."""
    SSE_V2_1 = "sse_v2.1"
    """Files marked as such: 4.21."""
    SSE_V3 = "sse_v3"
    """The server says when the stream ends: 4.22 to 6.x."""


class Component(Struct, frozen=True):
    """An input or output of a function, as far as arguments and descriptions need it."""

    id: int
    type: str
    label: str
    props: Mapping[str, Any]
    schema: Mapping[str, Any]
    """The JSON schema of its values, where the server gives one (3.28 and later)."""
    skipped: bool
    """Left out of the API's descriptions: State and layout."""

    @property
    def is_state(self) -> bool:
        """A hidden slot whose value lives on the server; null on the wire."""
        return self.type == "state"


class Dependency(Struct, frozen=True):
    """One function of the app."""

    fn_index: int
    """``id`` where the server gives one (4.32 and later), else the position in the list."""
    name: str | None
    """The endpoint's name, with its slash; None for an unnamed one."""
    inputs: tuple[Component, ...]
    outputs: tuple[Component, ...]
    dialect: Dialect
    callable: bool
    """It runs on the server, and its author didn't make it private."""
    documented: bool
    generator: bool
    cancellable: bool
    """It goes through the queue, so that the server can be told to stop it."""
    streaming: bool = False
    """Its inputs may come piece by piece while it runs (``connection: "stream"``, 5.0 and later)."""
    timed: bool = False
    """It ends after some time of taking inputs (``time_limit``)."""

    @property
    def stateful(self) -> bool:
        """The server keeps something of the session for it."""
        return any(component.is_state for component in (*self.inputs, *self.outputs))

    @property
    def hidden_outputs(self) -> frozenset[int]:
        """The positions of State among the outputs."""
        return frozenset(i for i, component in enumerate(self.outputs) if component.is_state)


class Config(Struct, frozen=True):
    """What the config says, checked."""

    raw: Mapping[str, Any]
    """As the server sent it."""
    version: tuple[int, int, int]
    dialect: Dialect
    """How queued functions are called."""
    prefix: str
    """What goes before every path but config, login and the page: ``/gradio_api`` from 5.0 on, nothing before."""
    dependencies: Mapping[int, Dependency]


class NotAConfig(Exception):
    """The text of the exception says why."""


# Before components said it themselves (4.0): what has no value of its own for a caller to give.
_SKIPPED_TYPES: Final = frozenset(
    (
        "state",
        "row",
        "column",
        "tabs",
        "tab",
        "tabitem",
        "box",
        "form",
        "accordion",
        "group",
        "interpretation",
        "dataset",
        "sidebar",
    )
)
MOST: Final = 20_000
"""Components, or functions, that an app may come to have by rendering. Large apps have some hundreds."""
_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")
# No segment begins with a dot: `..` would lead out of the app.
_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]{0,63}){1,8}")
# As all versions begin it, 3.28 with a line break within its version.
_HEAD: Final = re.compile(
    rb'\{"version":"[0-9A-Za-z.+-]{1,40}(?:\\n)?",(?:"mode":|"api_prefix":"([!#-\[\]-~]{0,520})",)'
)


def prefix_ahead(text: bytes) -> str | None:
    """The prefix that a config is going to have, told by its first bytes; None where they don't tell. It is a guess: keys may follow."""
    found = _HEAD.match(text)
    if found is None:
        return None
    prefix = (found[1] or b"").decode()
    return prefix if not prefix or _PREFIX.fullmatch(prefix) else None


def parse_config(raw: object) -> Config:
    """Check a decoded config.

    Raises:
        NotAConfig: it isn't one, or is of an app that can't be called.
    """
    if not is_mapping(raw) or not is_list(raw.get("dependencies")):
        raise NotAConfig("it has no list of dependencies")
    if "allow_flagging" in raw:
        raise NotAConfig("it is a Gradio 2 app, which has no API that this client speaks")
    version = _version(raw.get("version"))
    dialect = _dialect(raw.get("protocol"))
    prefix = raw.get("api_prefix")
    components = _components(raw.get("components"))
    queue_default = raw.get("enable_queue") is not False
    dependencies: dict[int, Dependency] = {}
    for position, item in enumerate(raw["dependencies"]):
        if not is_mapping(item):
            continue
        fn_index = item.get("id")
        if not _is_id(fn_index):
            fn_index = position
        dependencies.setdefault(fn_index, _dependency(item, fn_index, components, dialect, queue_default))
    return Config(
        raw=raw,
        version=version,
        dialect=dialect,
        prefix=prefix if isinstance(prefix, str) and _PREFIX.fullmatch(prefix) else "",
        dependencies=dependencies,
    )


def rendered(config: Config, render: object) -> Config | None:
    """The config with what ``@gr.render`` has made while the app is used (4.31 and later), or None if that isn't understood.

    Components and functions that an earlier rendering of the same block made are gone.
    """
    render = mapping(render)
    mark = render.get("render_id")
    if mark is None:
        return None
    raw = dict(config.raw)
    # Before 4.32 a function's index is its place, which it keeps when others before it go.
    functions = [
        item if _is_id(item.get("id")) else {**item, "id": position}
        for position, item in enumerate(config.raw["dependencies"])
        if is_mapping(item)
    ]
    for name, items in (("components", mappings(raw.get("components"))), ("dependencies", functions)):
        # Up to 5.0 at least, components name their block as their renderable.
        kept = [item for item in items if mark not in (item.get("rendered_in"), item.get("renderable"))]
        raw[name] = kept + mappings(render.get(name))
        if len(raw[name]) > MOST:
            return None
    return parse_config(raw)


def _dependency(
    item: Mapping[str, Any],
    fn_index: int,
    components: Mapping[int, Component],
    dialect: Dialect,
    queue_default: bool,
) -> Dependency:
    name = item.get("api_name")
    visibility = item.get("api_visibility")
    queued = item.get("queue")
    queued = queue_default if queued is None else bool(queued)
    types = mapping(item.get("types"))
    return Dependency(
        fn_index=fn_index,
        name="/" + name.strip("/") if isinstance(name, str) and name.strip("/") else None,
        inputs=_slots(item.get("inputs"), components),
        outputs=_slots(item.get("outputs"), components),
        dialect=dialect if queued else Dialect.DIRECT,
        # `api_name: false` is how versions before 6.0 say private; 6.x renames such a function to "false".
        callable=item.get("backend_fn") is not False and visibility != "private" and name is not False,
        documented=visibility != "undocumented" and item.get("show_api") is not False,
        generator=types.get("generator") is True,
        cancellable=queued and types.get("cancel") is not True,
        streaming=item.get("connection") == "stream",
        timed=item.get("time_limit") is not None,
    )


def _slots(ids: object, components: Mapping[int, Component]) -> tuple[Component, ...]:
    if not is_list(ids):
        return ()
    # An unknown id still takes a place on the wire.
    return tuple(
        components[id] if _is_id(id) and id in components else Component(-1, "unknown", "", {}, {}, False)
        for id in ids
    )


def _components(raw: object) -> dict[int, Component]:
    components: dict[int, Component] = {}
    for item in mappings(raw):
        if not _is_id(item.get("id")):
            continue
        kind = item.get("type")
        kind = kind if isinstance(kind, str) else "unknown"
        props = mapping(item.get("props"))
        label = props.get("label")
        schema = mapping(item.get("api_info"))
        if "serialized_info" in schema:
            # 3.28 to 3.50: a schema in a wrapper.
            schema = mapping(schema.get("info"))
        skip = item.get("skip_api")
        components[item["id"]] = Component(
            id=item["id"],
            type=kind,
            label=label if isinstance(label, str) else "",
            props=props,
            schema=schema,
            skipped=kind == "state" or (skip if isinstance(skip, bool) else kind in _SKIPPED_TYPES),
        )
    return components


def _dialect(protocol: object) -> Dialect:
    if protocol is None:
        return Dialect.WS
    if isinstance(protocol, str):
        if protocol in ("sse", "sse_v1", "sse_v2", "sse_v2.1", "sse_v3"):
            return Dialect(protocol)
        if protocol.startswith("sse"):
            # Whatever comes after v3 is more likely to be like it than like anything else.
            return Dialect.SSE_V3
    raise NotAConfig(f"it speaks a protocol that this client doesn't know: {str(protocol)[:40]!r}")


def _version(text: object) -> tuple[int, int, int]:
    found = _VERSION.match(text) if isinstance(text, str) else None
    if found is None:
        # Too old to say so, or a fork: the protocol decides what can be decided, and the rest is asked of (0, 0, 0).
        return (0, 0, 0)
    major, minor, patch = found.groups(default="0")
    return (int(major), int(minor), int(patch))


def _is_id(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
