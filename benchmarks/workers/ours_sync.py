"""gradio-sansio with plain calls."""

from __future__ import annotations

from typing import Any

from worker import TEXT, Meter, answer, requests, source

from gradio_sansio_sync import App, client, handle_file

opened: list[App] = []


def do(request: dict[str, Any]) -> Any:
    """Do what is asked for, in the way of the README."""
    match request["do"]:
        case "connect":
            opened.append(client(request["url"]))
        case "close":
            opened.pop().close()
        case "predict":
            return [opened[-1].predict("/predict", [TEXT]).value for _ in range(request["count"])]
        case "jobs":
            jobs = [opened[-1].submit("/predict", [TEXT]) for _ in range(request["count"])]
            return [job.result().value for job in jobs]
        case "stream":
            return [data.value for data in opened[-1].submit("/count", [request["count"], 0])]
        case "replay":
            count, last = 0, ""
            for data in opened[-1].submit("/replay", [TEXT]):
                count += 1
                last = data.value
            return count, last
        case "big":
            return opened[-1].predict("/big", [request["size"]]).value
        case "up":
            return opened[-1].predict("/json", ["y" * request["size"]]).value
        case "file":
            file = opened[-1].predict("/same", [handle_file(source(request))]).value
            return opened[-1].download(file, request["folder"])
        case "apps":
            apps = [client(request["url"]) for _ in range(request["count"])]
            jobs = [app.submit("/predict", [TEXT]) for app in apps]
            values = [job.result().value for job in jobs]
            for app in apps:
                app.close()
            return values


for request in requests():
    meter = Meter()
    # Held by no name, since it would be counted during the next call.
    answer(request, do(request), meter.read())
