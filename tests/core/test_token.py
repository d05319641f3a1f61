"""Where a token goes: to the Hub, to the origin that the Hub names for the Space, to that of a URL given with it, and nowhere else.

Everything is in a virtual network in which every address answers as an app would, so that whatever is followed would succeed. Each
connection's bytes are looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import Duplicate, Engine, Limits
from gradio_sansio.events import AppClosed, AppFailed, AppOpened, JobFinished
from gradio_sansio.testing import Answer, Function, GradioServer, VirtualNetwork
from tests.core.virtual import echo, entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from gradio_sansio.testing import Link, Request, ServerConnection

TOKEN = "hf_secret"
HUB = ("huggingface.co", 443)
HOST = ("user-name.hf.space", 443)
APP = ("app.example", 443)
ELSEWHERE = [
    "https://evil.example",
    "https://huggingface.co:8443",
    "http://huggingface.co",
    "https://huggingface.co.evil.example",
    "https://evilhuggingface.co",
    "https://www.huggingface.co",
    "https://user-name.hf.space:8443",
    "http://user-name.hf.space",
    "https://user-name.hf.space.evil.example",
    "https://other-name.hf.space",
    "https://x.user-name.hf.space",
    "https://hf.space",
    "https://app.example:8443",
    "http://app.example",
    "https://sub.app.example",
    "https://app.example.evil.example",
    "https://127.0.0.1",
    "http://127.0.0.1:7860",
    "https://[::1]",
    "//evil.example",
    "https://EVIL.example.",
]


class Site(GradioServer):
    """An app, and what else is prepared by path."""

    def __init__(self, pages: dict[str, Answer] | None = None) -> None:
        super().__init__([Function("predict", echo), Function("direct", echo, queue=False)])
        self.pages = pages or {}
        self.root: str | None = None

    def handle(self, connection: ServerConnection, request: Request) -> None:
        page = self.pages.get(request.path)
        if page is None:
            super().handle(connection, request)
        else:
            self.requests.append(request)
            connection.answer(page)

    def config(self) -> dict[str, Any]:
        return super().config() | ({} if self.root is None else {"root": self.root})


class Everywhere(dict[tuple[str, int], Any]):
    """Hosts by address; whoever isn't known is an app like any other."""

    def get(self, key: tuple[str, int], default: object = None) -> Any:
        return self[key] if key in self else self.setdefault(key, Site())

    def __getitem__(self, key: tuple[str, int]) -> Any:
        return super().__getitem__(key) if key in self else self.setdefault(key, Site())


def hub(stage: str = "RUNNING") -> Site:
    space = {"id": "user/name", "runtime": {"stage": stage, "hardware": {}}}
    return Site(
        {
            "/api/spaces/user/name/host": Answer(body={"host": "https://user-name.hf.space"}),
            "/api/spaces/me/name/host": Answer(body={"host": "https://user-name.hf.space"}),
            "/api/spaces/user/name": Answer(body=space),
            "/api/spaces/user/name/runtime": Answer(body=space["runtime"]),
            "/api/spaces/by-subdomain/user-name": Answer(body=space),
            "/api/spaces/me/name": Answer(404, {}),
            "/api/spaces/user/name/duplicate": Answer(body={"url": "https://huggingface.co/spaces/me/name"}),
            "/api/spaces/user/name/discussions": Answer(body=b""),
            "/api/whoami-v2": Answer(body={"name": "me"}),
        }
    )


def tour(
    source: str, sites: dict[tuple[str, int], Site], *, duplicate: Duplicate | None = None
) -> VirtualNetwork:
    """Connect and call both functions, as far as it goes."""
    network = VirtualNetwork({})
    network.hosts = Everywhere(sites)
    engine = network.attach(
        lambda now: Engine(
            source,
            now=now,
            wall_clock=1000.0,
            entropy=entropy(),
            hf_token=TOKEN,
            limits=Limits(waking=20),
            duplicate=duplicate,
        )
    )
    network.run_until(lambda: network.happened(AppOpened) or network.happened(AppFailed))
    if network.happened(AppOpened):
        jobs = [engine.submit(name, ["hi"], now=network.now) for name in ("/predict", "/direct")]
        network.pump()
        network.run_until(lambda: len(network.all_of(JobFinished)) == len(jobs))
        engine.close(network.now)
        network.pump()
    network.run_until(lambda: network.happened(AppClosed))
    return network


def carriers(network: VirtualNetwork) -> set[tuple[str, int]]:
    """To whom the token went; never in the clear."""
    found: set[tuple[str, int]] = set()
    for link in network.links.values():
        if TOKEN.encode() in link.sent:
            assert secured(link)
            found.add((link.host, link.port))
    return found


def secured(link: Link) -> bool:
    return link.server_name is not None


def redirect(to: str, status: int = 302) -> Answer:
    return Answer(status, b"", {"location": f"{to}/config"})


def test_where_it_goes() -> None:
    assert carriers(tour("user/name", {HUB: hub(), HOST: Site()})) == {HUB, HOST}
    assert carriers(tour("https://app.example", {APP: Site()})) == {APP}
    assert carriers(tour("https://user-name.hf.space", {HUB: hub(), HOST: Site()})) == {HOST}
    made = tour("user/name", {HUB: hub(), HOST: Site()}, duplicate=Duplicate())
    assert made.happened(AppOpened)
    assert carriers(made) == {HUB, HOST}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "path",
    [
        "/config",
        "/",
        "/gradio_api/info",
        "/gradio_api/queue/join",
        "/gradio_api/queue/data",
        "/gradio_api/run/direct",
    ],
)
def test_an_app_that_redirects(elsewhere: str, status: int, path: str) -> None:
    pages = {path: redirect(elsewhere, status)}
    if path == "/":
        pages["/config"] = Answer(404, {})
    assert carriers(tour("https://app.example", {APP: Site(pages)})) == {APP}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
@pytest.mark.parametrize(
    "path", ["/config", "/gradio_api/info", "/gradio_api/queue/join", "/gradio_api/queue/data"]
)
def test_a_space_that_redirects(elsewhere: str, path: str) -> None:
    network = tour("user/name", {HUB: hub(), HOST: Site({path: redirect(elsewhere)})})
    assert carriers(network) == {HUB, HOST}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
@pytest.mark.parametrize(
    "path",
    [
        "user/name/host",
        "user/name",
        "me/name",
        "user/name/runtime",
        "user/name/duplicate",
        "user/name/discussions",
    ],
)
def test_a_hub_that_redirects(elsewhere: str, path: str) -> None:
    for duplicate in (None, Duplicate()):
        site = hub("BUILD_ERROR")
        site.pages[f"/api/spaces/{path}"] = redirect(elsewhere, 307)
        closed = Site({"/config": Answer(503, "<html>", {"content-type": "text/html"})})
        network = tour("user/name", {HUB: site, HOST: closed}, duplicate=duplicate)
        assert carriers(network) <= {HUB, HOST}


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_an_app_that_says_it_is_elsewhere(elsewhere: str) -> None:
    site = Site()
    site.root = elsewhere
    for value in (
        {"path": "x", "url": f"{elsewhere}/file=x", "meta": {"_type": "gradio.FileData"}},
        {"__type__": "stream_url", "url": f"{elsewhere}/stream"},
    ):
        site.functions[0] = Function("predict", lambda _, value=value: value)
        network = tour("https://app.example", {APP: site})
        assert network.happened(AppOpened)
        assert carriers(network) == {APP}
        assert {(link.host, link.port) for link in network.links.values()} == {APP}


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("https://user-name.hf.space", {HUB, HOST}),
        ("http://user-name.hf.space", {HUB}),
        ("https://127.0.0.1:7860", {HUB}),
        ("http://127.0.0.1:7860", {HUB}),
        ("https://169.254.169.254", {HUB}),
        ("https://huggingface.co@evil.example", {HUB}),
        ("https://evil.example\\@huggingface.co", {HUB}),
        ("ftp://evil.example", {HUB}),
        ("//evil.example", {HUB}),
    ],
)
def test_what_the_hub_names(host: str, allowed: set[tuple[str, int]]) -> None:
    site = hub()
    site.pages["/api/spaces/user/name/host"] = Answer(body={"host": host})
    assert carriers(tour("user/name", {HUB: site, HOST: Site()})) == allowed


def test_an_upgrade_on_the_same_host_takes_it_along() -> None:
    """The caller gave a URL over plain http on this machine: the redirect to https keeps the host, but not what was allowed."""
    here = Site({"/config": redirect("https://127.0.0.1:7443")})
    network = tour("http://127.0.0.1:7860", {("127.0.0.1", 7860): here})
    heard: Callable[[Link], bool] = lambda link: TOKEN.encode() in link.sent  # noqa: E731
    assert {(link.host, link.port) for link in network.links.values() if heard(link)} == {("127.0.0.1", 7860)}
