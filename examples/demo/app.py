"""The app that `make demo` calls: one small endpoint for each thing that a client has to do.

    python app.py --port 7860

Prints `READY <version> <port>` once it answers. With `--until-eof` it ends when its standard input does.
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import gradio as gr


def echo(text: str) -> str:
    return text


def add(a: float, b: float) -> float:
    return a + b


def tokens(text: str, delay: float) -> Iterator[str]:
    """Stream a text word by word, as a language model would."""
    said = ""
    for word in text.split():
        time.sleep(delay)
        said = f"{said} {word}".strip()
        yield said


def steps(count: float, delay: float, bar: Any = gr.Progress()) -> str:
    """Do nothing, step by step, and report progress."""
    total = int(count)
    for done in range(total):
        bar((done, total), desc="working", unit="steps")
        time.sleep(delay)
    bar((total, total), desc="working", unit="steps")
    return f"{total} steps done"


def fail(reason: str) -> str:
    """Fail, as an app does that wants its user to know why."""
    raise gr.Error(reason)


def count(delay: float) -> Iterator[int]:
    """Count on and on, to be cancelled."""
    for number in range(1, 1000):
        yield number
        time.sleep(delay)


def build() -> Any:
    with gr.Blocks(title="gradio-sansio demo") as demo:
        text = gr.Textbox(label="text", value="hello")
        reason = gr.Textbox(label="reason", value="the reason is shown to the user")
        a = gr.Number(label="a", value=2)
        b = gr.Number(label="b", value=3)
        number = gr.Number(label="count", value=4, precision=0)
        delay = gr.Number(label="delay", value=0.15)
        said = gr.Textbox(label="said")
        result = gr.Number(label="result")
        for fn, inputs, output in [
            (echo, [text], said),
            (add, [a, b], result),
            (tokens, [text, delay], said),
            (steps, [number, delay], said),
            (fail, [reason], said),
            (count, [delay], result),
        ]:
            gr.Button(fn.__name__).click(fn, inputs, output, api_name=fn.__name__)
    return demo.queue()


def exit_at_eof() -> None:
    sys.stdin.read()
    os._exit(0)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--until-eof", action="store_true", help="end when standard input does")
    args = parser.parse_args()

    if args.until_eof:
        threading.Thread(target=exit_at_eof, daemon=True).start()
    demo = build()
    demo.launch(server_name="127.0.0.1", server_port=args.port, quiet=True, prevent_thread_lock=True)
    print("READY", gr.__version__, args.port, flush=True)
    demo.block_thread()


if __name__ == "__main__":
    main()
