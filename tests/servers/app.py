"""One Gradio app for every generation of the protocol: runs unchanged on Gradio 3.28 to 6.31.

    python app.py --port 22000 [--auth [USER:PASSWORD]] [--show-error] [--concurrency N] [--root-path PATH]

Each endpoint is small and deterministic, so that a test can assert exact values. Prints `READY <version> <port>` once the server
answers. Ends on SIGINT, and with `--until-eof` also when its standard input is closed, so that it never outlives who started it.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import gradio as gr

MAJOR = int(gr.__version__.split(".")[0])


def predict(text: str) -> str:
    return text


def add(a: float, b: float) -> float:
    return a + b


STEPS: dict[object, float] = {}
"""When each job of `count` made its last step; a server forgets a stopped one without closing it."""
STILL = 0.5


def count(n: float, delay: float) -> Iterator[int]:
    this = object()
    try:
        for i in range(int(n)):
            STEPS[this] = time.monotonic()
            time.sleep(delay)
            yield i
    finally:
        STEPS.pop(this, None)


def counting() -> int:
    """How many jobs of `count` have made a step just now."""
    since = time.monotonic() - STILL
    return sum(step > since for step in list(STEPS.values()))


def chat(message: str, delay: float) -> Iterator[str]:
    reply = ""
    for word in f"You said: {message}".split(" "):
        time.sleep(delay)
        reply = f"{reply} {word}".strip()
        yield reply


def pair(n: float) -> Iterator[tuple[list[dict[str, int]], int]]:
    """Two outputs that both stream: a growing list and a running total."""
    items: list[dict[str, int]] = []
    for i in range(int(n)):
        items.append({"i": i, "square": i * i})
        yield items, sum(item["i"] for item in items)


def progress(steps: float, delay: float, bar: Any = gr.Progress()) -> str:
    bar(0, desc="starting")
    for i in range(int(steps)):
        time.sleep(delay)
        bar((i + 1, int(steps)), desc=f"step {i + 1}", unit="steps")
    return f"{int(steps)} steps"


def fail(text: str) -> str:
    raise gr.Error("boom")


def crash(text: str) -> str:
    raise ValueError("internal detail")


def fail_late(n: float) -> Iterator[int]:
    yield from range(int(n))
    raise gr.Error("boom after yields")


def slow(seconds: float) -> str:
    time.sleep(seconds)
    return f"slept {seconds:g}"


def counter(step: float, total: float) -> tuple[float, float]:
    total += step
    return total, total


def file(upload: Any) -> str:
    """Upper-case a text file; a fresh file comes back."""
    text = Path(getattr(upload, "name", upload)).read_text(encoding="utf-8")
    target = Path(tempfile.mkdtemp()) / "upper.txt"
    target.write_text(text.upper(), encoding="utf-8")
    return str(target)


def files(uploads: Any) -> list[int]:
    return [Path(getattr(upload, "name", upload)).stat().st_size for upload in uploads or []]


def image(path: str) -> str:
    return path


def same(path: Any) -> Any:
    return getattr(path, "name", path)


def gallery(items: Any) -> Any:
    """The pictures as they came, with their captions where they have any."""
    found: list[Any] = []
    for item in getattr(items, "root", items) or []:
        picture, caption = item if isinstance(item, (list, tuple)) else (item, getattr(item, "caption", None))
        # 3.x and 4.0 hand the function what came over the wire.
        picture = getattr(picture, "image", picture)
        path = picture["name"] if isinstance(picture, dict) else getattr(picture, "path", picture)
        found.append((path, caption) if caption else path)
    return found


def video(path: Any) -> Any:
    return path


def split(text: str) -> tuple[str, str, int]:
    head, _, tail = text.partition(" ")
    return head, tail, len(text)


def direct(text: str) -> str:
    return text[::-1]


def unnamed(text: str) -> str:
    return f"<{text}>"


def private(text: str) -> str:
    return "private"


def defaults(name: str, times: int, loud: bool, style: str) -> str:
    words = " ".join([f"hello {name}"] * int(times))
    return f"{words.upper() if loud else words} ({style})"


def log(text: str) -> str:
    if hasattr(gr, "Info"):
        gr.Info(f"info {text}")
        gr.Warning(f"warning {text}")
    return text


def big(size: float) -> str:
    return "x" * int(size)


def hello() -> str:
    return "hello, wörld ✓ 🎈"


def table(rows: list[list[Any]]) -> list[list[Any]]:
    return [list(reversed(row)) for row in rows]


def json_echo(value: Any) -> dict[str, Any]:
    return {"got": value}


def whoami(request: gr.Request) -> str:
    return getattr(request, "username", None) or "nobody"


def header(name: str, request: gr.Request) -> str:
    """A header of the request that took the job here."""
    headers = request.headers
    found = (
        headers.get(name) if hasattr(headers, "get") else getattr(headers, name, None)
    )  # 3.x has an object
    return str(found or "none")


def stop() -> str:
    return "stopped"


def shrink(n: float) -> Iterator[list[int]]:
    """A list that grows, then loses several at a time from its end, from its middle and all."""
    items = list(range(int(n)))
    for size in (1, len(items)):
        yield items[:size]
    yield items[:-3]
    yield [item for item in items if item not in (1, 2, 4)]
    yield []
    yield items


def odd() -> dict[str, Any]:
    """Values that are hard to carry."""
    return {
        "nan": float("nan"),
        "infinite": [float("inf")],
        "large": 2**63 + 5,
        "lines": "a\u2028b\u2029c\x85d",
    }


def double(n: float) -> float:
    """Takes inputs while it runs, where there is such a thing."""
    return 2 * n


def named(name: str) -> Callable[[], str]:
    return lambda: f"hello {name}"


def build(concurrency: int) -> Any:
    """The app; `concurrency` is the number of jobs that each endpoint (in 3.x: the whole app) runs at a time."""

    def text(label: str = "text", **options: Any) -> Any:
        return gr.Textbox(label=label, **options)

    def number(label: str = "n", **options: Any) -> Any:
        return gr.Number(label=label, **options)

    def endpoint(
        fn: Callable[..., Any], inputs: Any, outputs: Any, api_name: str | bool | None = None, **options: Any
    ) -> Any:
        """One button for each endpoint; `api_name=None` leaves the name unset."""
        limit = options.pop("limit", concurrency)
        if api_name is not None:
            options["api_name"] = api_name
        if MAJOR >= 4:
            options["concurrency_limit"] = limit
        return gr.Button(fn.__name__).click(fn, inputs, outputs, **options)

    with gr.Blocks(title="peer") as demo:
        total = gr.State(0)
        endpoint(predict, text(), text("out"), "predict")
        endpoint(add, [number("a"), number("b")], number("sum"), "add")
        endpoint(count, [number(), number("delay", value=0)], number("i"), "count")
        endpoint(chat, [text("message"), number("delay", value=0)], text("reply"), "chat")
        endpoint(pair, number(), [gr.JSON(), number("total")], "pair")
        endpoint(progress, [number("steps"), number("delay", value=0)], text("done"), "progress")
        endpoint(fail, text(), text("out"), "fail")
        endpoint(crash, text(), text("out"), "crash")
        endpoint(fail_late, number(), number("i"), "fail_late")
        sleeping = endpoint(slow, number("seconds"), text("out"), "slow", limit=1)
        endless = endpoint(count, [number(), number("delay")], number("i"), "count_forever")
        endpoint(counter, [number("step"), total], [number("total"), total], "counter")
        endpoint(file, gr.File(label="upload"), gr.File(label="result"), "file")
        endpoint(files, gr.File(label="uploads", file_count="multiple"), gr.JSON(), "files")
        endpoint(same, gr.File(label="upload"), gr.File(label="result"), "same")
        endpoint(image, gr.Image(type="filepath"), gr.Image(type="filepath"), "image")
        pictures = {"type": "filepath"} if "type" in signature(gr.Gallery.__init__).parameters else {}
        endpoint(gallery, gr.Gallery(**pictures), gr.Gallery(), "gallery")
        endpoint(video, gr.Video(), gr.Video(), "video")
        endpoint(split, text(), [text("head"), text("tail"), number("length")], "split")
        endpoint(direct, text(), text("out"), "direct", queue=False)
        endpoint(unnamed, text(), text("out"))
        endpoint(private, text(), text("out"), False)
        endpoint(
            defaults,
            [
                text("name", value="world"),
                number("times", value=2, precision=0),
                gr.Checkbox(label="loud", value=False),
                gr.Dropdown(["plain", "fancy"], label="style", value="plain"),
            ],
            text("greeting"),
            "defaults",
        )
        endpoint(log, text(), text("out"), "log")
        endpoint(big, number("size", value=1_000_000), text("out"), "big")
        endpoint(hello, None, text("out"), "hello")
        endpoint(table, gr.Dataframe(type="array", headers=["a", "b"]), gr.Dataframe(), "table")
        endpoint(json_echo, gr.JSON(), gr.JSON(), "json")
        endpoint(shrink, number(), gr.JSON(), "shrink")
        endpoint(odd, None, gr.JSON(), "odd")
        endpoint(whoami, None, text("out"), "whoami")
        endpoint(header, text("name"), text("out"), "header")
        endpoint(counting, None, number("jobs"), "counting", queue=False)
        endpoint(stop, None, text("out"), "stop", queue=False, cancels=[sleeping, endless])
        if MAJOR >= 5:
            # What triggers it is nothing to a caller; the input need not be the image.
            camera = gr.Image(streaming=True)
            for name, limit in (("double", 30), ("double_on", None)):
                camera.stream(
                    double,
                    number(),
                    number("doubled"),
                    api_name=name,
                    concurrency_limit=concurrency,
                    time_limit=limit,
                )
        if hasattr(gr, "render"):
            names = text("names")

            @gr.render(inputs=names, triggers=[gr.Button("greetings").click])
            def greetings(value: str) -> None:
                """A button for each name, each an endpoint that wasn't there before."""
                for name in value.split():
                    gr.Button(name).click(named(name), None, text("greeting"), api_name=f"greet_{name}")

    # 3.x has one pool of workers for the whole app; later versions limit each event.
    return demo.queue(concurrency_count=concurrency) if MAJOR < 4 else demo.queue()


def exit_at_eof() -> None:
    sys.stdin.read()
    os._exit(0)


def serve_mounted(demo: Any, path: str, port: int) -> None:
    import fastapi
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, *args: Any, **options: Any) -> None:
            await super().startup(*args, **options)
            print("READY", gr.__version__, port, flush=True)

    mounted = gr.mount_gradio_app(fastapi.FastAPI(), demo, path)
    Server(uvicorn.Config(mounted, "127.0.0.1", port, log_level="warning")).run()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--auth", nargs="?", const="user:secret", help="USER:PASSWORD")
    parser.add_argument("--root-path", help="not in 3.28")
    parser.add_argument("--mount", metavar="PATH", help="below a path of another web application")
    parser.add_argument("--show-error", action="store_true")
    parser.add_argument("--concurrency", type=int, default=1)
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    args = parser.parse_args()

    if args.until_eof:
        threading.Thread(target=exit_at_eof, daemon=True).start()
    demo = build(args.concurrency)
    if args.mount:
        serve_mounted(demo, args.mount, args.port)
        return
    demo.launch(
        server_name="127.0.0.1",
        server_port=args.port,
        auth=tuple(args.auth.split(":", 1)) if args.auth else None,
        **({"root_path": args.root_path} if args.root_path else {}),
        show_error=args.show_error,
        quiet=True,
        prevent_thread_lock=True,
    )
    print("READY", gr.__version__, args.port, flush=True)
    demo.block_thread()


if __name__ == "__main__":
    main()
