"""The server by itself: what a client of ours does not ask of it, or not in that way."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import h11
import pytest

from gradio_sansio import Disconnected, FileData
from gradio_sansio.testing import Answer, Cut, Function, GradioServer, Render, Say, Sleep, function
from gradio_sansio.testing.functions import edits
from gradio_sansio.testing.jobs import JobState
from tests.core.virtual import APP, World, echo

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from gradio_sansio.testing import ServerConnection


class Client:
    """One connection to a server, with an HTTP client that knows nothing of ours."""

    def __init__(self, server: GradioServer) -> None:
        self.server = server
        self.peer: ServerConnection = server.accept(server.now)
        self.codec = h11.Connection(h11.CLIENT)
        self.body = b""
        self.cut: Cut | None = None

    def send(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        fields = {"host": "a", "content-length": str(len(body)), **(headers or {})}
        request = h11.Request(method=method, target=target, headers=list(fields.items()))
        data = b"".join(
            self.codec.send(event) or b"" for event in (request, h11.Data(data=body), h11.EndOfMessage())
        )
        self.peer.received(data, self.server.now)

    def read(self) -> tuple[int, dict[str, str]] | None:
        """The head of an answer, if one has come. Its body adds to ``body``."""
        head = None
        for item in self.peer.drain():
            if isinstance(item, Cut):
                self.cut = item
            else:
                self.codec.receive_data(item)
        while (event := self.codec.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Response):
                head = (event.status_code, {name.decode(): value.decode() for name, value in event.headers})
            elif isinstance(event, h11.Data):
                self.body += event.data
            else:
                self.codec.start_next_cycle()
        return head

    def ask(self, method: str, target: str, value: Any = None, **headers: str) -> tuple[int, Any]:
        self.body = b""
        self.send(method, target, b"" if value is None else json.dumps(value).encode(), headers)
        head = self.read()
        assert head is not None
        return head[0], json.loads(self.body)

    @property
    def messages(self) -> list[Any]:
        self.read()
        return [json.loads(line[6:]) for line in self.body.split(b"\n\n") if line]

    @property
    def kinds(self) -> list[str]:
        return [message["msg"] for message in self.messages]


def join(client: Client, index: int, *data: Any, session: str = "s") -> str:
    status, answer = client.ask(
        "POST",
        f"{client.server.prefix}/queue/join",
        {"fn_index": index, "data": data, "session_hash": session},
    )
    assert status == 200
    return str(answer["event_id"])


def stream(server: GradioServer, session: str = "s") -> Client:
    client = Client(server)
    client.send("GET", f"{server.prefix}/queue/data?session_hash={session}")
    return client


@pytest.mark.parametrize("version", ["4.44.1", (2, 9, 4), None])
def test_a_version_that_it_cannot_be(version: Any) -> None:
    with pytest.raises(ValueError, match="version must be a tuple of three numbers"):
        GradioServer(APP, version=version)


def test_routes() -> None:
    for version, prefix in (((4, 44, 1), ""), ((6, 31, 0), "/gradio_api")):
        client = Client(GradioServer(APP, version=version))
        status, config = client.ask("GET", "/config")
        assert (status, config["version"], config.get("api_prefix", "")) == (
            200,
            ".".join(map(str, version)),
            prefix,
        )
        status, info = client.ask("GET", f"{prefix}/info")
        assert (status, "/predict" in info["named_endpoints"]) == (200, True)
        assert client.ask("GET", "/nowhere")[0] == 404
    # From 5.0 on the API is below the prefix only, and the config never is.
    client = Client(GradioServer(APP))
    assert client.ask("GET", "/gradio_api/config")[0] == 404
    assert client.ask("GET", "/info")[0] == 404
    assert client.ask("GET", "/gradio_api/nowhere")[0] == 404
    assert client.ask("GET", "/gradio_api/file=/tmp/nowhere")[0] == 404
    client.body = b""
    client.send("GET", "/")
    head = client.read()
    assert head is not None
    assert head[1]["content-type"] == "text/html"
    assert b"window.gradio_config = {" in client.body


def test_state_has_a_slot_and_no_description() -> None:
    server = GradioServer([Function("f", echo, inputs=("state", "textbox"), outputs=("textbox", "state"))])
    assert [component["skip_api"] for component in server.config()["components"]] == [
        True,
        False,
        False,
        True,
    ]
    described = server.info()["named_endpoints"]["/f"]
    assert [parameter["parameter_name"] for parameter in described["parameters"]] == ["p1"]
    assert len(described["returns"]) == 1


def test_a_login() -> None:
    client = Client(GradioServer(APP, auth=("user", "pass")))
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.ask("GET", "/config")[0] == 401
    client.send("POST", "/login", b"username=user&password=wrong", form)
    head = client.read()
    assert head is not None
    assert head[0] == 400
    client.send("POST", "/login", b"username=user&password=pass", form)
    head = client.read()
    assert head is not None
    assert head[0] == 200
    cookie = head[1]["set-cookie"].partition(";")[0]
    assert client.ask("GET", "/config", cookie=cookie)[0] == 200
    client = Client(GradioServer(APP))
    client.send("POST", "/login", b"", form)
    head = client.read()
    assert head is not None
    assert (head[0], head[1]["location"]) == (302, "/")


def test_all_that_came_before_the_stream_comes_with_it() -> None:
    for version, last in (((4, 16, 0), "process_completed"), ((6, 31, 0), "close_stream")):
        server = GradioServer(APP, version=version)
        event_id = join(Client(server), 0, "hi")
        reader = stream(server)
        messages = reader.messages
        assert [message["msg"] for message in messages][:3] == [
            "estimation",
            "process_starts",
            "process_completed",
        ]
        assert messages[-1]["msg"] == last
        assert messages[2]["event_id"] == event_id
        assert reader.codec.our_state is h11.IDLE
        # A later stream of the same session waits.
        reader = stream(server)
        assert reader.messages == []
        assert server.deadline == 15.0
        server.tick(14.0)
        assert reader.messages == []
        server.tick(15.0)
        assert reader.messages == [{"msg": "heartbeat", **({"event_id": None} if version > (4, 20) else {})}]


def test_an_index_that_is_none() -> None:
    client = Client(GradioServer(APP))
    client.send("POST", "/gradio_api/queue/join", b'{"fn_index": 99, "data": [], "session_hash": "s"}')
    head = client.read()
    assert head is not None
    assert (head[0], client.body) == (500, b"Internal Server Error")


def test_a_session_that_is_not_there() -> None:
    for version, text in (((4, 44, 1), "404: Session not found."), ((6, 31, 0), "404: Not Found")):
        reader = stream(GradioServer(APP, version=version))
        (message,) = reader.messages
        assert (message["msg"], message["message"]) == ("unexpected_error", text)
        assert reader.cut is Cut.RESET
        # It is gone: nothing comes of what is sent.
        reader.peer.received(b"GET / HTTP/1.1\r\n\r\n", 1.0)
        reader.peer.closed(1.0)
        reader.peer.answer(Answer())
        reader.peer.write(b"{}")
        assert reader.peer.drain() == []


def test_a_generator_without_a_yield_and_with_a_last_value() -> None:
    def nothing(text: str) -> Generator[object, None, None]:
        yield Sleep(0.0)

    def more(text: str) -> Generator[object, None, object]:
        yield "one", 1
        return "two", 2

    server = GradioServer(
        [Function("nothing", nothing), Function("more", more, outputs=("textbox", "number"))]
    )
    client = Client(server)
    join(client, 0, "x")
    join(client, 1, "x")
    server.tick(0.0)
    outputs = [message["output"]["data"] for message in stream(server).messages if "output" in message]
    assert outputs == [["one", 1], ["two", 2], [None]]


def test_edits() -> None:
    assert edits("a", "a") == []
    assert edits("a", "ab") == [["append", [], "b"]]
    assert edits([1], [1, 2, 3]) == [["add", [1], 2], ["add", [2], 3]]
    assert edits([1, 2], [1]) == [["replace", [], [1]]]
    assert edits("b", "a") == [["replace", [], "a"]]
    assert edits(1, "a") == [["replace", [], "a"]]


def test_a_function_that_fails_has_quotes_before_5_2() -> None:
    for version, text in (((4, 44, 1), "'no'"), ((6, 31, 0), "no")):
        server = GradioServer(APP, version=version)
        join(Client(server), 6, "no")
        assert stream(server).messages[2]["output"] == {"error": text}


def endless() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({1, 2}, "Object of type set is not JSON serializable"),
        (["a", FileData(path="/tmp/x.png")], "Object of type FileData is not JSON serializable"),
        (endless(), "Circular reference detected"),
        ("\ud800", "'utf-8' codec can't encode"),
    ],
    ids=["set", "file", "endless", "surrogate"],
)
def test_an_output_without_a_json_form_fails_its_job(value: object, why: str) -> None:
    def returned(_: str) -> object:
        return value

    def yielded(_: str) -> Generator[object, None, None]:
        yield value

    def last(_: str) -> Generator[object, None, object]:
        yield "well"
        return value

    server = GradioServer([function(returned), function(yielded), function(last), Function(None, returned)])
    client = Client(server)
    for index in range(4):
        join(client, index, "x")
    errors = [
        message["output"]["error"]
        for message in stream(server).messages
        if message["msg"] == "process_completed"
    ]
    for error, name in zip(errors, ("returned", "yielded", "last", "function 3"), strict=True):
        assert error.startswith(f"an output of {name} has no JSON form: {why}")


def test_a_step_that_cannot_be_taken_fails_its_job() -> None:
    def wrong(_: str) -> Generator[object, None, None]:
        yield Say({1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    def fewer(_: str) -> Generator[object, None, None]:
        yield "a", "b"
        yield "a"

    server = GradioServer([function(wrong), function(fewer, outputs=("textbox", "textbox"))])
    client = Client(server)
    for index in range(2):
        join(client, index, "x")
    ends = [message for message in stream(server).messages if message["msg"] == "process_completed"]
    assert [end["success"] for end in ends] == [False, False]


def test_what_was_yielded_is_as_it_was_then() -> None:
    def grow(_: str) -> Generator[object, None, None]:
        words: list[str] = []
        for word in ("a", "b"):
            words.append(word)
            yield words

    server = GradioServer([function(grow, outputs=("json",))])
    join(Client(server), 0, "x")
    sent = [message["output"]["data"] for message in stream(server).messages if "output" in message]
    assert sent == [[["a"]], [[["add", [1], "b"]]], [["a", "b"]]]


def test_async_functions_are_refused() -> None:
    async def wait(text: str) -> str:
        return text

    async def count(text: str) -> AsyncGenerator[str, None]:
        yield text

    for call in (wait, count):
        with pytest.raises(TypeError, match=f"^{call.__name__} is async"):
            function(call)
    with pytest.raises(TypeError, match=r"^wait is async"):
        Function("wait", partial(wait, "x"))


def state(server: GradioServer, job: int) -> JobState:
    return server.jobs[job].state


def cancel(client: Client, event_id: str, index: int, session: str = "s") -> int:
    body = {"event_id": event_id, "session_hash": session, "fn_index": index}
    return client.ask("POST", f"{client.server.prefix}/cancel", body)[0]


def test_a_cancel_kills_siblings_in_silence() -> None:
    server = GradioServer(APP)
    client = Client(server)
    named, sibling = join(client, 12, 5), join(client, 12, 5)
    other = join(client, 12, 5, session="other")
    reader = stream(server)
    assert cancel(client, named, 12) == 200
    assert [job.state for job in server.jobs] == [JobState.ENDED, JobState.ENDED, JobState.RUNNING]
    ended = [message["event_id"] for message in reader.messages if message["msg"] == "process_completed"]
    assert ended == [named]
    assert (sibling in server.sessions["s"].pending, other in server.sessions["other"].pending) == (
        True,
        True,
    )
    # Of what has ended, or never was, it says so and does nothing.
    assert cancel(client, named, 12) == 200
    assert cancel(client, "nobody's", 12) == 200


def test_a_cancel_with_an_index_of_nobody_only_acknowledges() -> None:
    server = GradioServer(APP)
    client = Client(server)
    event_id = join(client, 13, 3)
    reader = stream(server)
    assert cancel(client, event_id, -1) == 200
    assert reader.messages[-2]["output"] == {}
    assert state(server, 0) is JobState.RUNNING
    for now in (1.0, 2.0, 3.0):
        server.tick(now)
    assert state(server, 0) is JobState.ENDED
    assert reader.kinds[-1] == "close_stream"


def test_there_was_no_cancel_before_4_31() -> None:
    client = Client(GradioServer(APP, version=(4, 30, 0)))
    assert cancel(client, "x", 0) == 404


@pytest.mark.parametrize(("version", "breaks"), [((4, 44, 1), True), ((5, 46, 0), False)])
def test_a_cancelled_job_that_was_queued_runs_all_the_same_before_6_14(
    version: tuple[int, int, int], breaks: bool
) -> None:
    server = GradioServer(APP, version=version)
    client = Client(server)
    join(client, 13, 1)
    queued = join(client, 13, 1)
    reader = stream(server)
    assert cancel(client, queued, -1) == 200
    server.tick(1.0)
    assert state(server, 1) is JobState.RUNNING
    # Somebody keeps the stream open meanwhile.
    join(client, 2, 100.0)
    reader2 = stream(server) if reader.peer.stream is None else reader
    server.tick(2.0)
    assert state(server, 1) is JobState.ENDED
    assert (reader2.kinds[-1] == "unexpected_error") is breaks
    assert (reader2.cut is Cut.RESET) is breaks


def test_a_reset_stops_a_generator_before_4_35() -> None:
    for version, expected in (((4, 22, 0), JobState.ENDED), ((4, 44, 1), JobState.RUNNING)):
        server = GradioServer(APP, version=version)
        client = Client(server)
        event_id = join(client, 13, 5)
        reader = stream(server)
        assert client.ask("POST", "/reset", {"event_id": event_id})[0] == 200
        assert client.ask("POST", "/reset", {"event_id": "nobody's"})[0] == 200
        assert state(server, 0) is expected
        assert reader.kinds == ["estimation", "process_starts"]


def test_a_dropped_stream_takes_the_session_with_it() -> None:
    server = GradioServer(APP)
    client = Client(server)
    join(client, 13, 5)
    join(client, 13, 5)
    call = Client(server)
    call.send("POST", "/gradio_api/run/direct_slow", b'{"fn_index": 10, "data": [1.0], "session_hash": "s"}')
    reader = stream(server)
    reader.peer.closed(0.0)
    assert server.sessions == {}
    assert [job.state for job in server.jobs] == [JobState.RUNNING, JobState.ENDED, JobState.RUNNING]
    server.tick(1.0)
    assert call.read() is not None
    # It comes back with the next job, and its stream never ends.
    join(client, 0, "x")
    reader = stream(server)
    assert reader.kinds == ["estimation", "process_starts", "process_completed"]
    # A second reader's end is no end of the first.
    second = stream(server)
    reader.peer.closed(0.0)
    assert "s" in server.sessions
    second.peer.closed(0.0)
    assert server.sessions == {}


def test_how_it_misbehaves() -> None:
    server = GradioServer(APP)
    client = Client(server)
    join(client, 2, 100.0)
    join(client, 2, 100.0, session="other")
    server.end_streams()
    server.stop()
    reader = stream(server)
    server.emit({"msg": "hello"})
    server.emit(b"nonsense", "other")
    server.emit({"msg": "bye"}, "s")
    assert reader.kinds[-2:] == ["hello", "bye"]
    server.silent = True
    server.stop()
    server.tick(50.0)
    server.emit({"msg": "unheard"})
    assert reader.kinds[-1] == "bye"
    server.silent = False
    server.stop()
    server.tick(50.2)
    server.tick(50.3)
    assert reader.kinds.count("unexpected_error") == 3
    server.end_streams()
    server.tick(51.0)
    assert reader.cut is None
    reader = stream(server)
    server.cut_streams(Cut.END)
    reader.read()
    assert reader.cut is Cut.END
    assert "s" not in server.sessions
    server.forget()
    assert {job.state for job in server.jobs} == {JobState.ENDED}
    server.answers["/config"] = [Answer(418, b"teapot", cut=Cut.RESET)]
    client.send("GET", "/config")
    head = client.read()
    assert head is not None
    assert head[0] == 418
    assert client.cut is Cut.RESET


def test_slow_pieces() -> None:
    server = GradioServer(APP)
    server.pace = (100, 1.0)
    client = Client(server)
    client.send("GET", "/nowhere")
    assert client.peer.drain() == []
    assert server.deadline == 1.0
    server.tick(0.5)
    assert client.peer.drain() == []
    server.tick(1.0)
    (first,) = client.peer.drain()
    assert isinstance(first, bytes)
    assert 0 < len(first) <= 100
    client.peer.cut(Cut.END)
    server.connections.append(client.peer)
    server.tick(100.0)
    rest = client.peer.drain()
    assert rest[-1] is Cut.END
    assert client.peer.due is None


def test_a_join_whose_answer_comes_late_to_nobody() -> None:
    server = GradioServer(APP)
    server.join_delay = 5.0
    client = Client(server)
    client.send("POST", "/gradio_api/queue/join", b'{"fn_index": 2, "data": [100.0], "session_hash": "s"}')
    assert client.read() is None
    client.peer.closed(1.0)
    server.tick(6.0)
    assert client.peer.drain() == []
    assert state(server, 0) is JobState.RUNNING


def test_a_request_in_pieces() -> None:
    server = GradioServer(APP)
    peer = server.accept(0.0)
    for byte in b"POST /nowhere HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}":
        peer.received(bytes([byte]), 0.0)
    assert server.requests[0].json == {}
    assert peer.drain()


def test_a_client_that_wants_the_connection_closed() -> None:
    client = Client(GradioServer(APP))
    client.send("GET", "/nowhere", headers={"connection": "close"})
    *_, last = client.peer.drain()
    assert last is Cut.END
    assert client.server.connections == []


def test_a_function_is_called_as_it_is_written() -> None:
    def greet(name: str, greeting: str = "hello") -> str:
        return f"{greeting} {name}"

    info = GradioServer([function(greet), function(greet, name="other", outputs=("json",))]).info()
    first, second = info["named_endpoints"]["/greet"]["parameters"]
    assert (first["parameter_name"], "parameter_has_default" in first) == ("name", False)
    assert (second["parameter_name"], second["parameter_default"]) == ("greeting", "hello")
    assert info["named_endpoints"]["/other"]["returns"][0]["component"] == "Json"


def test_a_reset_ends_the_stream_of_a_running_job_before_4_9() -> None:
    world = World(version=(4, 0, 2))
    job = world.submit("/single", 50)
    world.run(2.5)
    world.server._reset({"event_id": world.there(job).event_id})
    assert isinstance(world.error(job, within=5.0), Disconnected)
    assert world.values(job) == [0, 1]


def streaming(version: tuple[int, int, int], *, timed: bool = True) -> tuple[GradioServer, Client, Client]:
    """A server whose one function takes numbers while it runs, with a job of it, and the job's stream."""
    double = Function("double", lambda n: 2 * n, inputs=("number",), streaming=True, timed=timed)
    server = GradioServer([double], version=version)
    client = Client(server)
    join(client, 0, 1)
    return server, client, stream(server)


def feed(client: Client, *data: Any) -> int:
    """One more input; without any, word that there is no more."""
    path = f"{client.server.prefix}/stream/{client.server.jobs[0].event_id}"
    if data:
        return client.ask("POST", path, {"data": data})[0]
    return client.ask("POST", f"{path}/close", {})[0]


@pytest.mark.parametrize(
    ("version", "timed", "ends"),
    [((5, 49, 1), True, True), ((5, 49, 1), False, False), ((6, 31, 0), False, True)],
)
def test_inputs_that_stream(version: tuple[int, int, int], timed: bool, ends: bool) -> None:
    server, client, reader = streaming(version, timed=timed)
    assert feed(client, 3) == 200
    assert feed(client) == 200
    messages = reader.messages[2:5]
    last = "process_completed" if ends else "process_streaming"
    assert [message["msg"] for message in messages] == ["process_streaming", "process_streaming", last]
    assert [message["output"]["data"] for message in messages] == [[2], [6], [6]]
    assert state(server, 0) is (JobState.ENDED if ends else JobState.RUNNING)


def test_inputs_that_stream_after_the_end() -> None:
    _, client, reader = streaming((6, 31, 0))
    assert feed(client, None) == 200  # which fails
    assert reader.messages[3]["success"] is False
    client.send("POST", f"/gradio_api/stream/{client.server.jobs[0].event_id}", b"{}")
    head = client.read()
    assert head is not None
    assert head[0] == 500


def test_a_job_whose_inputs_stream_is_stopped() -> None:
    server, client, reader = streaming((6, 31, 0))
    assert cancel(client, server.jobs[0].event_id, 0) == 200
    assert state(server, 0) is JobState.ENDED
    assert reader.messages[3]["output"] == {}


def test_no_inputs_stream_before_5() -> None:
    _, client, _ = streaming((4, 44, 1))
    assert client.ask("POST", "/stream/x/close", {})[0] == 404


def rendering(names: str) -> Render:
    """A function for each name."""
    return Render(
        [Function(name, lambda: names, inputs=(), queue=name != "direct") for name in names.split()]
    )


def rendering_twice() -> Generator[object, None, Render]:
    yield Render([Function("first", echo)])
    yield "meanwhile"
    return Render([Function("second", echo), Function("third", echo)])


def names_of(message: dict[str, Any]) -> list[str] | None:
    rendered = message["output"].get("render_config")
    return rendered and [function["api_name"] for function in rendered["dependencies"]]


def test_what_is_rendered_is_there_in_its_session_until_something_else_is() -> None:
    server = GradioServer([function(rendering), function(rendering, name="other")])
    client = Client(server)
    for index, names in ((0, "a direct"), (1, "c"), (0, "d")):
        join(client, index, names)
    told = [message["output"] for message in stream(server).messages if message["msg"] == "process_completed"]
    assert [output["data"] for output in told] == [[None]] * 3
    rendered = [output["render_config"] for output in told]
    assert [(part["render_id"], [f["id"] for f in part["dependencies"]]) for part in rendered] == [
        (0, [2, 3]),
        (1, [4]),
        (0, [5]),
    ]
    parts = [part for config in (server.config(), *rendered) for part in config["components"]]
    assert len({part["id"] for part in parts}) == len(parts)
    assert {part["rendered_in"] for part in rendered[1]["components"] + rendered[1]["dependencies"]} == {1}
    for index in (4, 5):
        join(client, index)
    for index, session in ((2, "s"), (4, "another"), (6, "s")):
        body = {"fn_index": index, "data": [], "session_hash": session}
        client.send("POST", "/gradio_api/queue/join", json.dumps(body).encode())
        assert client.read() == (500, {"content-type": "text/plain", "content-length": "21"})
    server.forget()
    client.send("POST", "/gradio_api/queue/join", b'{"fn_index": 4, "data": [], "session_hash": "s"}')
    head = client.read()
    assert head is not None
    assert head[0] == 500


def test_a_direct_call_of_what_is_rendered() -> None:
    server = GradioServer([function(rendering, queue=False)])
    client = Client(server)
    path = "/gradio_api/run/x"
    status, output = client.ask("POST", path, {"fn_index": 0, "data": ["direct"], "session_hash": "s"})
    assert (status, names_of({"output": output})) == (200, ["direct"])
    call = {"fn_index": 1, "data": [], "session_hash": "s"}
    assert client.ask("POST", path, call)[1]["data"] == ["direct"]
    client.send("POST", path, json.dumps(call | {"session_hash": "another"}).encode())
    head = client.read()
    assert head is not None
    assert head[0] == 500


def test_a_generator_renders_on_its_way() -> None:
    server = GradioServer([function(rendering_twice)])
    join(Client(server), 0)
    told = [message for message in stream(server).messages if "output" in message]
    # As of a function under `@gr.render`, each result tells what there is.
    assert list(map(names_of, told)) == [["first"], ["first"], ["second", "third"]]


def test_nothing_is_rendered_before_4_31() -> None:
    server = GradioServer([function(rendering)], version=(4, 30, 0))
    client = Client(server)
    join(client, 0, "a")
    *_, ended = (message for message in stream(server).messages if "output" in message)
    assert "render_config" not in ended["output"]
