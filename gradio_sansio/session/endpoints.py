"""Which endpoint the caller means."""

from __future__ import annotations

from typing import NoReturn

from gradio_sansio.errors import EndpointNotFound
from gradio_sansio.session.api_info import ApiInfo, Endpoint, endpoints_of
from gradio_sansio.session.config import Config


class Endpoints:
    """The endpoints of one app, by index and by name."""

    def __init__(self, config: Config, info: object, lasting: Endpoints | None = None) -> None:
        self._config = config
        self.lasting: Endpoints = lasting or self
        """Those of every session: without what was rendered in this one."""
        self._by_index = endpoints_of(config, info)
        self._by_name: dict[str, Endpoint] = {}
        self.info: ApiInfo = ApiInfo()
        """The documented ones."""
        for endpoint in self._by_index.values():
            documented = config.dependencies[endpoint.fn_index].documented
            if endpoint.name is None:
                if documented:
                    self.info.unnamed_endpoints[endpoint.fn_index] = endpoint
            elif endpoint.name not in self._by_name:
                # Servers tell equal names apart themselves; where one doesn't, the first is the one that is called.
                self._by_name[endpoint.name] = endpoint
                if documented:
                    self.info.named_endpoints[endpoint.name] = endpoint

    def find(self, wanted: str | int | None) -> Endpoint:
        """The endpoint that was named, by name (with or without its slash) or index; ``/predict`` or the only one for None.

        Raises:
            EndpointNotFound: with those that exist.
        """
        if wanted is None:
            return self._default()
        if isinstance(wanted, str):
            name = "/" + wanted.strip("/")
            found = self._by_name.get(name)
            known = any(dependency.name == name for dependency in self._config.dependencies.values())
        elif isinstance(wanted, bool) or not hasattr(wanted, "__index__"):
            # True is an int to Python, but nobody's name for endpoint 1; and not every caller is typed.
            found, known = None, False
        else:
            found = self._by_index.get(wanted)
            known = wanted in self._config.dependencies
        if found is None:
            shown = repr(wanted)[:80]
            self.refuse(
                f"endpoint {shown} is private, or runs in the page only" if known else f"no endpoint {shown}"
            )
        return found

    def _default(self) -> Endpoint:
        named = self.info.named_endpoints
        if "/predict" in named:
            return named["/predict"]
        candidates = list(named.values()) or list(self.info.unnamed_endpoints.values())
        if len(candidates) != 1:
            self.refuse("no endpoint was named, and the app has neither /predict nor just one")
        return candidates[0]

    def check_lasting(self, endpoint: Endpoint) -> None:
        """Refuse what was rendered in this session, for a call in another.

        Raises:
            EndpointNotFound: with those that exist there.
        """
        if not self.lasting.has(endpoint.fn_index):
            name = repr(endpoint.name or endpoint.fn_index)[:80]
            self.lasting.refuse(
                f"endpoint {name} was rendered in the session of this client, and isolated=True calls it in another"
            )

    def has(self, fn_index: int) -> bool:
        """Whether there is an endpoint of this index."""
        return fn_index in self._by_index

    def refuse(self, reason: str) -> NoReturn:
        """Raise ``EndpointNotFound``, with those that exist."""
        available: tuple[str | int, ...] = (*self.info.named_endpoints, *self.info.unnamed_endpoints)
        shown = ", ".join(str(name) for name in available[:50]) or "none"
        raise EndpointNotFound(f"{reason}; those that can be called: {shown}", available=available)
