"""List the links that lead out of the site, without following them: a build needs no network."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes


def list_links(app, exception):
    """Write each address, with the pages that have it."""
    if exception:
        return
    found: dict[str, set[str]] = {}
    for docname in app.env.found_docs:
        for reference in app.env.get_doctree(docname).findall(nodes.reference):
            uri = reference.get("refuri", "")
            if uri.startswith(("http:", "https:")):
                found.setdefault(uri, set()).add(docname)
    lines = [f"{uri}  ({', '.join(sorted(names))})\n" for uri, names in sorted(found.items())]
    (Path(app.outdir).parent / "external-links.txt").write_text("".join(lines), encoding="utf-8")


def setup(app):
    app.connect("build-finished", list_links)
    return {"parallel_read_safe": True}
