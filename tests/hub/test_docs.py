"""What docs/ shows of Spaces does what it says, at the local Hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.pages import DOCS, Example, examples, run
from tests.hub.hub import WOKEN, Token, Told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.hub.hub import LocalHub

EXAMPLES = [
    example
    for page in sorted(DOCS.glob("*.md"))
    for example in examples(page)
    if example.of_spaces and example.reason is None
]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: f"{example.page.name}:{example.line}")
def test_examples(example: Example, hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("SSL_CERT_FILE", str(hub.write_authority(tmp_path / "authority.pem")))
    hub.tokens["hf_..."] = Token("me")
    hub.add("user/space-name", script=[("SLEEPING", WOKEN), ("SLEEPING", Told())])
    names: dict[str, Any] = {}
    run(example, names, "")
