"""Make the site's table of contents from the lists of ``index.md``, which so stays a page like all others.

Each heading of the second level is a part of the contents, with the pages that its list names.
"""

from __future__ import annotations

import re

HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
LINK = re.compile(r"^- \[[^]]+\]\(([\w/]+)\.(?:md|rst)\)", re.MULTILINE)


def add_contents(app, docname, source):
    """Append to the index what Sphinx needs to know."""
    if docname != app.config.root_doc:
        return
    parts = HEADING.split(source[0])[1:]
    for title, section in zip(parts[::2], parts[1::2], strict=True):
        pages = "\n".join(dict.fromkeys(LINK.findall(section)))
        if pages:
            source[0] += f"\n\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{pages}\n```\n"


def setup(app):
    app.connect("source-read", add_contents)
    return {"parallel_read_safe": True}
