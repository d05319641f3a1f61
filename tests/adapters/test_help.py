"""What an adapter tells whoever asks Python for help, or has not installed all that it needs."""

from __future__ import annotations

import importlib
import pydoc
import re
import sys

import pytest

ADAPTERS = ("gradio_sansio_sync", "gradio_sansio_anyio", "gradio_sansio_trio")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_every_option_is_described(adapter: str) -> None:
    module = importlib.import_module(adapter)
    common = module.Options.__annotations__.keys() & module.DuplicateOptions.__annotations__.keys()
    assert described(module.Options) == module.Options.__annotations__.keys()
    # Those that are the same for both are described once.
    assert described(module.DuplicateOptions) == module.DuplicateOptions.__annotations__.keys() - common | {
        "hf_token"
    }
    assert "``Options``" in pydoc.render_doc(module.DuplicateOptions)
    assert "``Options`` lists them" in pydoc.render_doc(module.client)
    assert "``DuplicateOptions`` lists them" in pydoc.render_doc(module.duplicate)
    assert {"Options", "DuplicateOptions"} <= set(module.__all__)


def described(options: object) -> set[str]:
    return set(re.findall(r"^ \|  {5}(\w+): ", pydoc.plain(pydoc.render_doc(options)), re.MULTILINE))


@pytest.mark.parametrize(("extra", "library"), [("anyio", "anyio"), ("trio", "trio"), ("progress", "tqdm")])
def test_a_missing_extra_is_named(extra: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, f"gradio_sansio_{extra}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ModuleNotFoundError, match=rf"pip install 'gradio-sansio\[{extra}\]'"):
        importlib.import_module(f"gradio_sansio_{extra}")


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_submission_has_little_that_is_not_for_its_caller(adapter: str) -> None:
    calls = {
        "on",
        "off",
        "destroy",
        "cancel",
        "send",
        "end",
        "result",
        "events",
        "status",
        "done",
        "cancelled",
    }
    others = {"begin", "refuse", "cancel_from_loop"} if adapter == "gradio_sansio_sync" else set()
    module = importlib.import_module(adapter)
    assert {name for name in dir(module.Submission) if not name.startswith("_")} == calls | others
