"""Make calls with the client that comes with Gradio, and print what it returns. Runs in a server's environment, of any version.

    python official.py URL < CALLS

CALLS is a JSON list of `[endpoint, arguments]`; what is printed is a JSON list with `{"values": [...]}` or `{"error": text}` of each.
"""

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """The clients for 3.x put JSON into a file, and give its name."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str) and value.endswith(".json") and Path(value).is_file():
        return json.loads(Path(value).read_text(encoding="utf-8"))
    return value


def main() -> None:
    url = sys.argv[1]
    # Not an import statement: type checkers don't look into the servers' environments.
    client: Any = importlib.import_module("gradio_client").Client(url, verbose=False)
    results: list[dict[str, Any]] = []
    for endpoint, arguments in json.load(sys.stdin):
        try:
            job = client.submit(*arguments, api_name=endpoint)
            last = job.result(timeout=30)
            while not job.done():
                # The client of 3.28 has a generator's first value for its result.
                time.sleep(0.01)
            # A generator's outputs are all its values; for other functions there is just the result.
            results.append({"values": plain(job.outputs() or [last])})
        except Exception as error:  # noqa: BLE001  # the comparison knows which are expected
            results.append({"error": repr(error)})
    print(json.dumps(results))


if __name__ == "__main__":
    main()
