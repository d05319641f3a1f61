"""What the site needs beyond MkDocs: pages that stand at the root of the repository, links into it, and two libraries for the browser.

The same Markdown is read in the repository, where links go to files. On the site those to pages become pages, and those to code
become plain text; one that leads nowhere stays, and MkDocs refuses it. No page loads anything from elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

DOCS = Path(__file__).parent
ROOT = DOCS.parent
AT_THE_ROOT = {
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
MEASURED = {"versions.md", "benchmarks.md", "faults.md", "trust.md"}
"""Pages that a run writes: the site is built without those whose run hasn't been made."""
SCRIPTS = ("mermaid.js", "iframe-worker.js")
"""What draws the diagrams, and what lets the search work on pages that are opened from a folder."""
NPM = ROOT / ".venv-docs" / "npm"
WORKER = "https://unpkg.com/iframe-worker/shim"
"""From where the theme would load the latter."""
FENCED = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])+)\]\(([^()\s#]+)(#[^()\s]*)?\)")
FOREIGN = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    missing = {name for name in MEASURED if not (DOCS / name).exists()}
    config.nav = _without(config.nav or [], missing)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for name, page in AT_THE_ROOT.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / name)))
    for name in SCRIPTS:
        files.append(File.generated(config, name, abs_src_path=str(NPM / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    source = Path(page.file.abs_src_path or "")
    out: list[str] = []
    end = 0
    for code in FENCED.finditer(markdown):
        out += [_linked(markdown[end : code.start()], source), _fenced(code[0])]
        end = code.end()
    return "".join([*out, _linked(markdown[end:], source)])


def on_post_page(output: str, page: Page, **_: Any) -> str:
    output = output.replace(WORKER, "iframe-worker.js")
    foreign = FOREIGN.search(output)
    if foreign:
        raise PluginError(f"{page.file.src_uri} loads something from elsewhere: {foreign[0]}")
    return output


def on_post_template(output_content: str, template_name: str, **_: Any) -> str:
    return (
        output_content.replace(WORKER, "iframe-worker.js") if template_name == "404.html" else output_content
    )


def _fenced(block: str) -> str:
    # On a phone a diagram scrolls; shrunk to fit, it couldn't be read.
    return f'<div class="diagram" markdown>\n\n{block}\n\n</div>' if block.startswith("```mermaid") else block


def _linked(text: str, source: Path) -> str:
    return LINK.sub(lambda link: _link(link, source), text)


def _link(link: re.Match[str], source: Path) -> str:
    text, address, fragment = link[1], link[2], link[3] or ""
    if re.match(r"[a-z]+:", address):
        return link[0]
    target = (source.parent / address).resolve()
    if target.parent == ROOT and target.name in AT_THE_ROOT:
        return f"[{text}]({AT_THE_ROOT[target.name]}{fragment})"
    if target == ROOT / "README.md":
        return f"[{text}](index.md{fragment})"
    if target.parent == DOCS and target.suffix == ".md":
        if target.name in MEASURED and not target.exists():
            return text
        return f"[{text}]({target.name}{fragment})"
    return text if target.exists() else link[0]


def _without(nav: list[Any], missing: set[str]) -> list[Any]:
    kept: list[Any] = []
    for entry in nav:
        ((title, value),) = entry.items()
        if isinstance(value, list):
            kept.append({title: _without(value, missing)})
        elif value not in missing:
            kept.append(entry)
    return kept
