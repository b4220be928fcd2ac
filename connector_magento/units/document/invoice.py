"""Invoices out."""

from __future__ import annotations

from collections import defaultdict

from odoo.addons.connector_framework.mappings import ExportMapper, mapping, only_create

from ...references import magento
from .document import DocumentAdapter, DocumentExporter, item_quantities


@magento
class InvoiceAdapter(DocumentAdapter):
    _apply_on = "magento.account.move"
    _resource = "sales_order_invoice"


@magento
class InvoiceExportMapper(ExportMapper):
    _apply_on = "magento.account.move"

    @only_create
    @mapping
    def quantities(self, invoice):
        by_line = defaultdict(float)
        for row in invoice.invoice_line_ids:
            for line in row.sale_line_ids:
                by_line[line] += row.product_uom_id._compute_quantity(row.quantity, line.product_uom_id)
        return {"quantities": item_quantities(invoice.magento_order_id, by_line)}


@magento
class InvoiceExporter(DocumentExporter):
    _apply_on = "magento.account.move"
    _done_column = "qty_invoiced"
    _lost_columns = ("qty_canceled",)

    def _quantity_here(self, order_line):
        return order_line.qty_invoiced_posted
