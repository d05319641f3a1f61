"""What an app that means ill could try, over real sockets: nothing goes to another origin, and no secret comes out."""

from __future__ import annotations

import logging
import traceback
from typing import TYPE_CHECKING, Any

import pytest

from gradio_sansio import AuthError, GradioError, JobCancelled, Limits
from gradio_sansio.testing.cases.base import API, JOIN, STREAM, begun, prepare, raises, running, serve
from gradio_sansio.testing.loopback import Fault, refused_url
from gradio_sansio.testing.serving import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gradio_sansio.testing.cases.base import Server
    from gradio_sansio.testing.conformance import Subject

INFO = f"{API}/info"
TOKEN = "hf_SECRETtoken"
SECRET = "SECRET"
HEADERS = {"x-key": "SECRETheader"}
AUTH = ("user", "SECRETpassword")


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    """An app with a login, and another origin, which nobody named."""
    with serve(auth=AUTH) as app, serve() as other:
        yield app, other


def asked(server: Server) -> list[tuple[str, str]]:
    return server.call(lambda gradio: [(request.method, request.path) for request in gradio.requests])


def told(server: Server, name: str) -> list[str | None]:
    """What each request held in that header."""
    return server.call(lambda gradio: [request.headers.get(name) for request in gradio.requests])


@pytest.mark.parametrize(
    "path", ["/config", INFO, "/login", JOIN, STREAM, f"{API}/run/direct", f"{API}/cancel"]
)
@pytest.mark.parametrize("status", [302, 307])
def test_redirects_to_another_origin(
    subject: Subject, pair: tuple[Server, Server], path: str, status: int
) -> None:
    """Another port is another origin, and so is another name of the same machine. Nobody there hears of anything."""
    app, other = pair
    location = f"{other.url.replace('127.0.0.1', 'localhost')}{path}"

    async def main() -> None:
        prepare(app, {path: Answer(status, "", {"location": location})})
        options = {"auth": AUTH, "headers": HEADERS, "hf_token": TOKEN, "limits": Limits(idle=5, grace=0.5)}
        try:
            async with subject.client(app.url, **options) as connected:
                await connected.predict("/direct", ["x"])
                await connected.predict("/predict", ["x"])
                submission = connected.submit("/slow", [60])
                await subject.until(begun(app, 2))
                submission.cancel()
                await subject.until(lambda: ("POST", f"{API}/cancel") in asked(app))
        except GradioError:
            # Redirects of what must not be repeated are answers that are no success.
            pass
        assert app.call(lambda gradio: not gradio.answers.get(path)), "the redirect was given"
        assert asked(other) == []

    subject.run(main)


def test_what_an_app_claims_to_be(subject: Subject, pair: tuple[Server, Server]) -> None:
    """A config names roots and prefixes as it likes: requests go to the address that the caller gave."""
    app, other = pair

    async def main() -> None:
        config = app.call(lambda gradio: gradio.config())
        lies = {"root": other.url, "space_id": "some/space", "is_space": True, "root_url": other.url}
        prepare(app, {"/config": Answer(401, {})})
        app.call(lambda gradio: gradio.answers["/config"].append(Answer(200, {**config, **lies})))
        async with subject.client(app.url, auth=AUTH, headers=HEADERS, hf_token=TOKEN) as connected:
            assert connected.config["root"] == other.url
            assert (await connected.predict("/predict", ["x"])).value == "x"
        assert asked(other) == []

    subject.run(main)


def test_credentials_go_to_their_origin(subject: Subject, pair: tuple[Server, Server]) -> None:
    """Two apps in one program: neither gets what is the other's, and each gets its own with every request."""
    app, other = pair

    async def main() -> None:
        prepare(
            other,
            {"/config": Answer(200, other.call(lambda gradio: gradio.config()), {"set-cookie": "mine=1"})},
        )
        async with (
            subject.client(app.url, auth=AUTH, headers=HEADERS, hf_token=TOKEN) as first,
            subject.client(other.url) as second,
        ):
            for connected in (first, second):
                assert (await connected.predict("/predict", ["x"])).value == "x"
        assert set(told(app, "x-key")) == {HEADERS["x-key"]}
        assert set(told(app, "authorization")) == {f"Bearer {TOKEN}"}
        assert all("mine" not in (cookie or "") for cookie in told(app, "cookie"))
        for name in ("x-key", "authorization", "x-hf-authorization"):
            assert set(told(other, name)) == {None}
        assert set(told(other, "cookie")) == {None, "mine=1"}

    subject.run(main)


def test_cookies_stay_with_their_host(subject: Subject) -> None:
    """Also those that are meant for more than the host, or for another one; and with the app that got them."""
    lines = {
        "own=1": True,
        "pinned=1; Domain=localhost": True,
        "wider=1; Domain=.com": False,
        "foreign=1; Domain=huggingface.co": False,
        "secure=1; Secure": False,
        "elsewhere=1; Path=/elsewhere": False,
    }
    with serve() as server:
        url = server.url.replace("127.0.0.1", "localhost")

        async def main() -> None:
            for line, kept in lines.items():
                answer = Answer(200, server.call(lambda gradio: gradio.config()), {"set-cookie": line})
                prepare(server, {"/config": answer})
                server.call(lambda gradio: gradio.requests.clear())
                async with subject.client(url) as app:
                    await app.predict("/predict", ["x"])
                name = line.partition(";")[0]
                assert {cookie == name for cookie in told(server, "cookie")[1:]} == {kept}, line
            # Another app of the same program has a jar of its own.
            server.call(lambda gradio: gradio.requests.clear())
            async with subject.client(url):
                pass
            assert set(told(server, "cookie")) == {None}

        subject.run(main)


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"x": "a\r\nx-evil: 1"}},
        {"headers": {"x": "a\nx-evil: 1"}},
        {"headers": {"x": "a\0"}},
        {"headers": {"x: 1\r\nx-evil": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"host": "evil.test"}},
        {"headers": {"transfer-encoding": "chunked"}},
        {"headers": {"content-length": "0"}},
        {"hf_token": "hf_x\r\nx-evil: 1"},
    ],
    ids=repr,
)
def test_headers_that_hold_more_than_one(subject: Subject, options: dict[str, Any]) -> None:
    with serve() as server:

        async def main() -> None:
            with raises(ValueError):
                async with subject.client(server.url, **options):
                    pass
            assert asked(server) == []

        subject.run(main)


def test_a_login_that_holds_more_than_one_field(subject: Subject) -> None:
    """What is a header's end or a field's end elsewhere is part of a password here."""
    password = "a&username=root\r\nx-evil: 1\0é"
    with serve(auth=("user", password)) as server:

        async def main() -> None:
            async with subject.client(server.url, auth=("user", password)) as app:
                assert (await app.predict("/predict", ["in"])).value == "in"
            assert set(told(server, "x-evil")) == {None}

        subject.run(main)


class Ears(logging.Handler):
    """All that is said to any logger, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def ears() -> Iterator[Ears]:
    found, root = Ears(), logging.getLogger()
    level = root.level
    root.addHandler(found)
    root.setLevel(logging.DEBUG)
    yield found
    root.removeHandler(found)
    root.setLevel(level)


def test_secrets_come_out_nowhere(subject: Subject, ears: Ears, pair: tuple[Server, Server]) -> None:
    """Not in logs, however talkative, nor in the repr of anything that a program holds, nor in errors and their tracebacks."""
    app, _ = pair
    shown: list[str] = []

    def show(*things: object) -> None:
        for thing in things:
            shown.extend((repr(thing), str(thing)))
            if isinstance(thing, BaseException):
                shown.extend(traceback.format_exception(thing))
                shown.extend(map(repr, vars(thing).values()))

    cookie = {"set-cookie": "SECRETname=SECRETcookie; Path=/"}
    options = {"auth": AUTH, "headers": HEADERS, "hf_token": TOKEN, "limits": Limits(idle=5, grace=0.5)}

    async def fails(url: str, **more: Any) -> None:
        try:
            async with subject.client(url, **{**options, **more}):
                raise AssertionError("it was to fail")
        except (GradioError, ValueError) as error:
            show(error)

    async def main() -> None:
        prepare(app, {INFO: Answer(200, {}, cookie)})
        async with subject.client(f"{app.url}/?key=SECRETquery", **options) as connected:
            show(connected, connected.config, await connected.view_api())
            submission = connected.submit("/count", [3])
            show(submission, [event async for event in submission.events()], await submission.result())
            for path, answer in (
                (JOIN, Answer(429, {"detail": "no"}, cookie)),
                (JOIN, Answer(403, {"detail": "no"}, cookie)),
                (JOIN, Answer(302, "", {"location": "/elsewhere?token=SECRETlocation"})),
                (JOIN, Answer(502, "SECRETpage", cookie)),
                (STREAM, Answer(500, "SECRETpage", cookie)),
            ):
                prepare(app, {path: answer})
                with raises(GradioError) as found:
                    await connected.predict("/predict", ["x"])
                show(*found)
            with raises(GradioError) as found:
                await connected.predict("/fail", ["x"])
            show(*found)
            submission = connected.submit("/slow", [60])
            await subject.until(lambda: submission.status.position == 0)
            app.call(lambda gradio: gradio.emit({"msg": "news", "event_id": None}))
            await subject.until(lambda: any("news" in line for line in ears.lines))
            prepare(app, {f"{API}/cancel": Answer(500, "SECRETpage", cookie)})
            submission.cancel()
            with raises(JobCancelled) as cancelled:
                await submission.result()
            show(submission, submission.status, *cancelled)
            await subject.until(lambda: ("POST", f"{API}/cancel") in asked(app))
            # What was sent is no secret of the server's.
            assert set(told(app, "x-key")) == {HEADERS["x-key"]}
            assert any("SECRETcookie" in (sent or "") for sent in told(app, "cookie"))
            app.call(lambda gradio: gradio.cut_streams())
        await fails(app.url, auth=("user", "SECRETwrong"))
        await fails(app.url, hf_token="SECRETnone")
        await fails(app.url, headers={"x": "SECRET\r\nx"})
        await fails(app.url.replace("//", "//user:SECRETinfo@"))
        await fails(f"{app.url.replace('http:', 'https:')}/?key=SECRETquery")
        await fails("hf_SECRETsource")
        with refused_url() as nowhere:
            await fails(f"{nowhere}/?key=SECRETquery")
            await fails("http://gradio.invalid", proxy=nowhere.replace("//", "//user:SECRETproxy@"))
        for fault in (Fault.RESET, Fault.END):
            app.fault = fault
            await fails(app.url)

    subject.run(main)
    found = [text for text in (*shown, *ears.lines) if SECRET in text]
    assert not found, found


def test_a_wrong_password_is_not_repeated(subject: Subject, pair: tuple[Server, Server]) -> None:
    app, _ = pair

    async def main() -> None:
        with raises(AuthError) as found:
            async with subject.client(app.url, auth=("user", "SECRETwrong")):
                pass
        assert found[0].hint == "auth"
        assert SECRET not in repr(found[0])
        assert running(app) == 0

    subject.run(main)
