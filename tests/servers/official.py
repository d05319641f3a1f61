"""Make calls with the client that comes with Gradio, and print what it returns. Runs in a server's environment.

    python official.py URL < CALLS

CALLS is a JSON list of `[endpoint, arguments]`; what is printed, a JSON list with the list of each call's values.
"""

import importlib
import json
import sys
from typing import Any


def main() -> None:
    url = sys.argv[1]
    # Not an import statement: type checkers don't look into the servers' environments.
    client: Any = importlib.import_module("gradio_client").Client(url, verbose=False)
    results = []
    for endpoint, arguments in json.load(sys.stdin):
        job = client.submit(*arguments, api_name=endpoint)
        last = job.result(timeout=30)
        # A generator's outputs are all its values; for other functions there is just the result.
        results.append(job.outputs() or [last])
    print(json.dumps(results))


if __name__ == "__main__":
    main()
