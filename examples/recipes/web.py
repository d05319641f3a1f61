"""A web application, of Starlette or FastAPI, that calls a Gradio app for its own visitors."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TypedDict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from gradio_sansio_anyio import App, GradioError, client


class State(TypedDict):
    gradio: App


def make(source: str) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[State]:
        # Entered when the server starts and left when it stops, by the same task.
        async with client(source) as app:
            yield {"gradio": app}

    async def echo(request: Request) -> JSONResponse:
        app: App = request.state.gradio
        try:
            result = await app.predict("/predict", [request.query_params["text"]], timeout=30)
        except GradioError as error:
            return JSONResponse({"error": str(error)}, status_code=502)
        return JSONResponse({"value": result.value})

    return Starlette(routes=[Route("/", echo)], lifespan=lifespan)
