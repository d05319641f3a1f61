"""Edits that the servers' own code made of random values, undone. No server is started: its differ is a function."""

from __future__ import annotations

import copy
import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from gradio_sansio.session.diff import DiffError, apply_edits
from tests.core import figures
from tests.servers.environments import BuildError, interpreter

VERSIONS = ["4.20.1", "4.44.1", "5.0.2", "5.49.1", "6.31.0"]
PAIRS = 20_000 if os.environ.get("HYPOTHESIS_PROFILE") == "long" else 2_000
DIFFER = Path(__file__).parents[1] / "servers/differ.py"


def value(choice: random.Random, depth: int = 3) -> Any:
    kind = choice.randrange(8 if depth else 4)
    if kind < 4:
        return choice.choice(
            [None, True, False, 0, 1, -2, 2.5, "", "a", "ab", "abc é", "x" * choice.randrange(9)]
        )
    if kind < 6:
        return [value(choice, depth - 1) for _ in range(choice.randrange(5))]
    return {key: value(choice, depth - 1) for key in choice.sample("abcde", choice.randrange(5))}


def changed(choice: random.Random, old: Any) -> Any:
    """The next value of something that streams: like the last, for the most part."""
    kind = choice.randrange(10)
    if kind == 0:
        return value(choice)
    if isinstance(old, str) and kind < 7:
        return old + choice.choice(["a", "b c", ""])
    if isinstance(old, list):
        new = [changed(choice, item) if choice.randrange(3) == 0 else item for item in old]
        if kind < 4:
            del new[choice.randrange(len(new) + 1) :]
        return new + [value(choice, 2) for _ in range(choice.randrange(3) if kind > 5 else 0)]
    if isinstance(old, dict):
        more = {key: changed(choice, item) if choice.randrange(3) == 0 else item for key, item in old.items()}
        if more and kind < 4:
            del more[choice.choice(sorted(more))]
        return {**more, **({choice.choice("xyz"): value(choice, 1)} if kind > 6 else {})}
    return value(choice, 1)


def by_index(old: Any, edits: list[Any]) -> Any:
    """The edits as they read: a delete goes by its index. Raises where one doesn't fit."""
    root = [copy.deepcopy(old)]
    for action, path, new in edits:
        parent: Any = root
        steps = [0, *path]
        for step in steps[:-1]:
            parent = parent[step]
        if action == "delete":
            del parent[steps[-1]]
        elif action == "add" and isinstance(parent, list):
            parent.insert(steps[-1], new)
        elif action == "append":
            parent[steps[-1]] += new
        else:
            parent[steps[-1]] = new
    return root[0]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.timeout(600)
def test_edits_of_real_servers(version: str) -> None:
    try:
        python = interpreter(version)
    except BuildError as error:
        pytest.skip(str(error))
    choice = random.Random(2024)
    pairs: list[tuple[Any, Any]] = []
    while len(pairs) < PAIRS:
        old = value(choice)
        pairs.append((old, changed(choice, old)))
    lines = "".join(json.dumps(pair) + "\n" for pair in pairs)
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GRADIO_ANALYTICS_ENABLED": "False"}
    run = subprocess.run(
        [python, DIFFER],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        timeout=500,
        env=environment,
    )
    answers = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("[")]
    assert len(answers) == len(pairs)
    wrong = naive = 0
    for (old, new), edits in zip(pairs, answers, strict=True):
        before = json.dumps(old)
        try:
            # Equal values of other types (1, 1.0, True) give no edit, so they are compared as Python does.
            wrong += apply_edits(old, edits) != new
        except DiffError:
            wrong += 1
        assert json.dumps(old) == before
        try:
            naive += by_index(old, edits) != new
        except (LookupError, TypeError):
            naive += 1
    figures.note("diffs", version, pairs=len(pairs), wrong=wrong, naive=naive)
    assert wrong == 0
    # This is why a delete pops the last element, whatever its index says.
    assert naive > 0
