"""The official Python client. It runs in an environment of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gradio_client import Client
from worker import TEXT, Meter, answer, requests

opened: list[Client] = []


def connect(url: str) -> Client:
    """Without the lines that it prints."""
    return Client(url, verbose=False, analytics_enabled=False)


def do(request: dict[str, Any]) -> Any:
    """Do what is asked for, in the way of its guide."""
    match request["do"]:
        case "connect":
            opened.append(connect(request["url"]))
        case "close":
            opened.pop().close()
        case "predict":
            return [opened[-1].predict(TEXT, api_name="/predict") for _ in range(request["count"])]
        case "jobs":
            jobs = [opened[-1].submit(TEXT, api_name="/predict") for _ in range(request["count"])]
            return [job.result() for job in jobs]
        case "stream":
            return list(opened[-1].submit(request["count"], 0, api_name="/count"))
        case "replay":
            count, last = 0, ""
            for value in opened[-1].submit(TEXT, api_name="/replay"):
                count += 1
                last = value
            return count, last
        case "big":
            return opened[-1].predict(request["size"], api_name="/big")
        case "up":
            return opened[-1].predict("y" * request["size"], api_name="/json")
        case "apps":
            with ThreadPoolExecutor(request["count"]) as pool:
                return list(pool.map(one, [request["url"]] * request["count"]))


def one(url: str) -> str:
    """An app with a call."""
    client = connect(url)
    value: str = client.predict(TEXT, api_name="/predict")
    client.close()
    return value


for request in requests():
    meter = Meter()
    # Held by no name, since it would be counted during the next call.
    answer(request, do(request), meter.read())
