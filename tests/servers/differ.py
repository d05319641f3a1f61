"""Reads pairs of JSON values, one a line, and writes the edits that Gradio makes of each. Runs in a server's environment."""

import json
import sys

from gradio.utils import diff

for line in sys.stdin:
    old, new = json.loads(line)
    print(json.dumps(diff(old, new)))
