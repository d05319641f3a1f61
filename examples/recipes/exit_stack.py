"""An object of yours that holds a connected app for as long as it lives."""

from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from gradio_sansio_anyio import App, client


class Greeter:
    def __init__(self, source: str) -> None:
        self._source = source

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            # What else it needs is entered here too; if one fails, those before it are left.
            self._app: App = await stack.enter_async_context(client(self._source))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def greet(self, name: str) -> str:
        result = await self._app.predict("/predict", [f"hello {name}"], timeout=30)
        return str(result.value)
