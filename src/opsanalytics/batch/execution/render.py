"""Rendering: an executed notebook as a page to read, without code, without the machine's talk.

The page is one file that opens offline: charts are inside it, nothing is loaded from a network,
no script runs. It reads on a phone: long names wrap between words, wide tables and charts scroll.
"""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbformat import NotebookNode
from traitlets.config import Config

from opsanalytics.formats import entity_name, month_name

if TYPE_CHECKING:
    from nbconvert import HTMLExporter

_DROPPED_TAGS = {"injected-parameters", "parameters"}
_SHOWN = ("text/html", "image/svg+xml", "image/png", "image/jpeg", "text/markdown", "text/latex", "text/plain")
_HEADING = re.compile(r"^#{1,6}\s+(.+)$", re.MULTILINE)
_LINK_BESIDE = re.compile(r"(?<!!)\[([^\]]*)\]\((?![a-z]+:|#)[^)]*\)")
_PAGE_PATH = re.compile(r"[\w./-]+\.md")
_TITLE = re.compile(r"^#\s+(.+)$", re.MULTILINE)

_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1b1f24; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1rem; }
header { border-bottom: 2px solid #1b1f24; margin-bottom: 1rem; }
header p { margin: .2rem 0 .8rem; color: #4a5159; }
body, pre { overflow-wrap: anywhere; }
td, th { overflow-wrap: break-word; }
td { max-width: 34rem; }
h1, h2, h3 { line-height: 1.25; break-after: avoid; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; }
pre { white-space: pre-wrap; font: inherit; margin: .6rem 0; }
p code, li code, .jp-MarkdownCell pre { font-family: ui-monospace, Consolas, monospace; font-size: .9em; }
img, svg { max-width: 100%; height: auto; }
a { color: #0b57a4; }
.wide { overflow-x: auto; margin: 1.25rem 0; }
.drawn img { display: block; }
@media screen and (max-width: 44rem) { .drawn img { min-width: 40rem; } }
table { border: 0; border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
table p { margin: 0; }
td, th { padding: .3rem .6rem; border: 0; border-bottom: 1px solid #d5d9de; min-width: 4rem; }
td, th { text-align: right; vertical-align: top; }
tbody th, thead th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 2px solid #6b7280; }
@page { size: A4; margin: 14mm 12mm; }
@media print {
html, body { font-size: 13px; }
main { max-width: none; padding: 0; }
.text_cell, .output_stream { break-after: avoid; }
.wide { overflow: visible; margin: .8rem 0; }
.drawn, tr { break-inside: avoid; }
.drawn img { max-height: 24cm; }
table { font-size: .82rem; line-height: 1.4; }
td, th { padding: .2rem .4rem; min-width: 3rem; }
}
"""

_TEMPLATE = (
    """{%- extends 'basic/index.html.j2' -%}
{%- block header -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ resources.title | e }}</title>
<style>"""
    + _STYLE
    + """</style>
</head>
<body>
<main>
<header><h1>{{ resources.heading | e }}</h1><p>{{ resources.subtitle | e }}</p></header>
{%- endblock header -%}
{%- block footer -%}
</main>
</body>
</html>
{%- endblock footer -%}
{%- block data_html scoped -%}
<div class="wide" tabindex="0" role="region" aria-label="{{ output.metadata.alt | e }}">
{{ output.data['text/html'] }}
</div>
{%- endblock data_html -%}
{%- block data_png scoped -%}
<div class="wide drawn"><img alt="{{ output.metadata.alt | e }}"
src="data:image/png;base64,{{ output.data['image/png'] | e }}"></div>
{%- endblock data_png -%}
{%- block data_jpg scoped -%}
<div class="wide drawn"><img alt="{{ output.metadata.alt | e }}"
src="data:image/jpeg;base64,{{ output.data['image/jpeg'] | e }}"></div>
{%- endblock data_jpg -%}
{%- block data_svg scoped -%}
<div class="wide drawn"><img alt="{{ output.metadata.alt | e }}"
src="data:image/svg+xml;base64,{{ output.data['image/svg+xml'] | text_base64 | e }}"></div>
{%- endblock data_svg -%}
"""
)


def write_page(notebook: NotebookNode, path: Path, *, period: str, entity: str) -> None:
    """Write the executed notebook as an HTML page, which appears at `path` only when it is whole.

    The notebook is not changed.
    """
    from nbconvert import TemplateExporter

    title, shown = _shown(notebook)
    subtitle = f"{month_name(period)} · {entity_name(entity)}"
    resources = {"title": f"{title} · {subtitle}", "heading": title, "subtitle": subtitle}
    # HTMLExporter's own would read the whole page again, for alternative texts, which all pictures here have
    body, _ = TemplateExporter.from_notebook_node(_exporter(), shown, resources=resources)
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(body, encoding="utf-8")
    aside.replace(path)


def _exporter() -> HTMLExporter:
    from nbconvert import HTMLExporter
    from nbconvert.filters import Highlight2HTML

    config = Config()
    config.NbConvertBase.display_data_priority = list(_SHOWN)
    exporter = HTMLExporter(  # type: ignore[no-untyped-call]  # nbconvert's own gap
        config=config,
        raw_template=_TEMPLATE,
        exclude_input=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        exclude_anchor_links=True,
        preprocessors=[],
    )
    exporter.default_preprocessors = []
    exporter.register_filter("highlight_code", Highlight2HTML())  # type: ignore[no-untyped-call]
    return exporter


def _shown(notebook: NotebookNode) -> tuple[str, NotebookNode]:
    """Return the page's title and a copy of the notebook that holds only what the page shows."""
    title, heading, cells = "", "", []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            source = _LINK_BESIDE.sub(_unlinked, cell.source)
            if not title and (match := _TITLE.search(source)):
                title, source = _plain(match[1]), source.replace(match[0], "", 1).strip()
            headings = _HEADING.findall(source)
            heading = _plain(headings[-1]) if headings else heading
            if source:
                cells.append(_cell("markdown", source=source))
        elif cell.cell_type == "code" and not _DROPPED_TAGS & set(cell.metadata.get("tags", [])):
            outputs = [_described(output, heading or title) for output in cell.outputs if _is_shown(output)]
            if outputs:
                cells.append(_cell("code", source="", outputs=outputs, execution_count=None))
    return title or "Report", _node(nbformat=4, nbformat_minor=4, metadata=_node(), cells=cells)


def _unlinked(link: re.Match[str]) -> str:
    """Name a page of the checkout in place of a link to it: it does not lie beside the report."""
    return f"{link[1]} of the project" if _PAGE_PATH.fullmatch(link[1]) else link[1]


def _cell(kind: str, **content: Any) -> NotebookNode:
    return _node(cell_type=kind, metadata=_node(), **content)


def _node(**content: Any) -> NotebookNode:
    return NotebookNode(content)  # type: ignore[no-untyped-call]  # nbformat's own gap


def _is_shown(output: NotebookNode) -> bool:
    if output.output_type == "stream":
        return bool(output.name == "stdout" and output.text.strip())
    return output.output_type in ("display_data", "execute_result") and _has_content(output)


def _has_content(output: NotebookNode) -> bool:
    """Is there anything to see? An empty table may show itself as nothing at all."""
    return any(str(output.data.get(kind, "")).strip() for kind in _SHOWN)


def _described(output: NotebookNode, heading: str) -> NotebookNode:
    """Return a copy of the output with a text that stands for a picture or a wide table."""
    if output.output_type == "stream":
        return output
    alt = output.metadata.get("alt") or heading
    return _node(**{**output, "metadata": _node(**{**output.metadata, "alt": alt})})


def _plain(markdown: str) -> str:
    """Return a heading's text without its markup."""
    return html.unescape(re.sub(r"[*`#]+|\[([^\]]*)\]\([^)]*\)", lambda match: match[1] or "", markdown)).strip()
