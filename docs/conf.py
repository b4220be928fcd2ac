"""How Sphinx makes the site of these pages; ``script/docs`` runs it. The pages can be read without it, too."""

import logging
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
# That the test framework is imported, as the test kit does, is no news here.
logging.getLogger("odoo").setLevel(logging.WARNING)

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

# Neither dates nor fonts from elsewhere: a build is the same wherever it is made, and read.
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_domain_indices = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
# Prompts and answers of a terminal, answers that are shortened: not all of it can be parsed by its language.
highlight_language = "text"

# Docstrings give types in words where it matters, and hints in the signatures.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 80
add_module_names = False


def without_orm_arguments(app, what, name, obj, options, signature, annotation):
    """Show a model class without the arguments that the ORM alone gives."""
    return ("", None) if what == "class" and hasattr(obj, "_register") and hasattr(obj, "_inherit") else None


def setup(app):
    app.connect("autodoc-process-signature", without_orm_arguments)
