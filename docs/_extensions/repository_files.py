"""Show the files of the repository that pages link to (``../connector_framework/exceptions.py``) as pages of the site.

On a host like GitHub such links lead to the file itself. A file that is not there is a warning.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from markupsafe import escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.util import logging

logger = logging.getLogger(__name__)
FOLDER = "files"
LINK = re.compile(r"\]\((\.\./[^)\s]+)\)")


def mark_files(app, docname, source):
    """Tell links that lead out of the documentation's folder from links to pages: `.md` and `.rst` may be either."""

    def marked(match):
        is_page = not posixpath.normpath(posixpath.join(posixpath.dirname(docname), match[1])).startswith("..")
        return match[0] if is_page else f"](path:{match[1]})"

    source[0] = LINK.sub(marked, source[0])


def link_files(app, doctree):
    """Turn links to files that are no pages of the documentation into links to pages of the site."""
    docname = app.env.docname
    app.env.repository_files = getattr(app.env, "repository_files", {})
    found = app.env.repository_files[docname] = set()
    root = Path(app.srcdir).parent
    for reference in list(doctree.findall(lambda node: isinstance(node, addnodes.download_reference))):
        target = urlsplit(reference["reftarget"])
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(docname), target.path))
        if path.startswith("..") or not (root / path).exists():
            logger.warning("%s is no file of the repository", target.path, location=reference, type="repository_files")
            continue
        if (root / path).is_dir():
            # A folder has no page; its name says where to look.
            reference.replace_self(reference.children)
            continue
        found.add(path)
        uri = app.builder.get_relative_uri(docname, f"{FOLDER}/{path}")
        new = nodes.reference("", "", *reference.children, refuri=uri, internal=True)
        reference.replace_self(new)


def pages(app):
    """Give a page for each file."""
    root = Path(app.srcdir).parent
    for path in sorted(set().union(*app.env.repository_files.values())):
        text = (root / path).read_text(encoding="utf-8")
        try:
            lexer = get_lexer_for_filename(path)
        except ClassNotFound:
            lexer = TextLexer()
        body = highlight(text, lexer, HtmlFormatter(nowrap=False, cssclass="highlight"))
        title = escape(path)
        yield f"{FOLDER}/{path}", {"title": title, "body": f"<h1><code>{title}</code></h1>{body}"}, "page.html"


def forget(app, env, docname):
    """Forget the links of a page that is read again."""
    getattr(env, "repository_files", {}).pop(docname, None)


def merge(app, env, docnames, other):
    """Take over what a process of its own has read."""
    env.repository_files = {**getattr(env, "repository_files", {}), **getattr(other, "repository_files", {})}


def setup(app):
    app.connect("source-read", mark_files)
    app.connect("doctree-read", link_files, priority=100)
    app.connect("html-collect-pages", pages)
    app.connect("env-purge-doc", forget)
    app.connect("env-merge-info", merge)
    return {"env_version": 1, "parallel_read_safe": True}
