#!/usr/bin/env python3
"""Count the lines of code of the Magento connector by feature, beside those of OCA's connector-magento.

A line of code is one that has more on it than a comment or a docstring. Views, data and tests are not counted. OCA's is
the last one on PyPI, for Odoo 12; it is installed into a folder of its own and read, not run. Prints a Markdown table.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

# A sibling of this file may be called like a module of the standard library.
sys.path[:] = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).resolve().parent]

ROOT = Path(__file__).resolve().parents[1]
PEER = ("odoo12-addon-connector-magento==12.0.1.1.7",)

#: Feature -> patterns of our files, of the peer's. The first feature that has a file counts it.
FEATURES = {
    "what the framework has: binders, importers, exporters, jobs": (
        ("units/importer.py",),
        (
            "components/binder.py",
            "components/core.py",
            "components/deleter.py",
            "components/exporter.py",
            "components/importer.py",
            "components/line_builder.py",
            "components/mapper.py",
            "models/magento_binding/*",
            "models/queue_job/*",
            "wizards/magento_binding_backend_read.py",
            "exception.py",
        ),
    ),
    "API: sessions, faults, paging": (("units/adapter.py", "references.py"), ("components/backend_adapter.py",)),
    "backend, websites, batches": (
        ("models/magento_backend.py", "models/magento_website.py", "units/website.py", "units/batch.py"),
        ("models/magento_backend/*", "models/magento_store*", "models/magento_website/*"),
    ),
    "customer groups, customers, addresses": (
        ("*partner*", "*customer*"),
        ("models/partner*",),
    ),
    "catalogue": (
        ("*product*", "*categor*", "*attribute*", "units/catalogue/*"),
        ("models/product*",),
    ),
    "orders in: lines, taxes, payment and shipping methods, rules, states": (
        (
            "models/magento_sale_order.py",
            "models/magento_tax.py",
            "models/magento_*_method.py",
            "units/order/contacts.py",
            "units/order/importer.py",
            "units/order/lines.py",
            "units/order/order.py",
        ),
        (
            "models/sale_order/common.py",
            "models/sale_order/importer.py",
            "models/account_payment_mode/*",
            "models/delivery/*",
        ),
    ),
    "orders out: state, comment": (
        ("units/order/export.py", "wizards/magento_order_comment.py"),
        ("models/sale_order/exporter.py",),
    ),
    "shipments with tracking, invoices": (
        ("*shipment*", "*invoice*", "units/document/*"),
        ("models/stock_picking/*", "models/account_invoice/*"),
    ),
    "all else": (("*",), ("*",)),
}
NOT_COUNTED = ("*tests/*", "*migrations/*", "doc/*", "*__manifest__.py", "*__init__.py")


def main() -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from _peers import install

    ours = count(ROOT / "connector_magento", 0)
    theirs = count(install(PEER) / "odoo/addons/connector_magento", 1)
    print("| | connector_magento | OCA connector-magento 12.0 |\n|---|---|---|")
    for feature in FEATURES:
        print(f"| {feature} | {ours[feature] or ''} | {theirs[feature] or ''} |")
    print(f"| **sum** | **{sum(ours.values())}** | **{sum(theirs.values())}** |")


def count(folder: Path, side: int) -> dict[str, int]:
    """Return the lines of code below a folder by feature.

    :param side: which patterns: 0 ours, 1 the peer's.
    """
    lines = dict.fromkeys(FEATURES, 0)
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder).as_posix()
        if not fits(name, NOT_COUNTED):
            feature = next(feature for feature, patterns in FEATURES.items() if fits(name, patterns[side]))
            lines[feature] += lines_of_code(path.read_text())
    return lines


def fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def lines_of_code(source: str) -> int:
    """Return how many lines have something to run."""
    lines: set[int] = set()
    nothing = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in nothing:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


if __name__ == "__main__":
    main()
