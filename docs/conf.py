"""How Sphinx makes the site of these pages; ``script/docs`` runs it. The pages can be read without it, too."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The reference pages are made from docstrings, for which the addon is imported, and Odoo with it. What the site itself
# needs comes first: Odoo's libraries stand behind it.
sys.path += os.environ.get("CONNECTOR_DOCS_PATH", "").split(os.pathsep)
sys.path.append(str(Path(__file__).parent / "_extensions"))
import odoo.addons  # noqa: E402

odoo.addons.__path__.append(str(ROOT))

project = "Connector Framework"
author = "connector_framework contributors"
copyright = author
language = "en"
html_title = project

extensions = ["myst_parser", "sphinx.ext.autodoc", "contents", "repository_files", "external_links", "docstring_tables"]

# `index.md` says which pages there are, in which order: see _extensions/contents.py.
root_doc = "index"
exclude_patterns = ["conf.py", "_*"]

# Links to headings (`queue.md#options`) are checked; headings are named as on GitHub.
myst_heading_anchors = 4
# `key: value` is no link, and "..." stays as it is written.
myst_enable_extensions = ["fieldlist"]

# No numbers of lines, dates or versions of the machine: a build is the same wherever it is made.
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
# A page without another page's link to it cannot be found.
suppress_warnings: list[str] = []
# Prompts and answers of a terminal, answers that are shortened: not all of it can be parsed by its language.
highlight_language = "text"

# Docstrings give types in words where it matters, and hints in the signatures.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 80
add_module_names = False
