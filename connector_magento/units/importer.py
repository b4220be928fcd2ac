"""What the importers of the shop's records have in common."""

from __future__ import annotations

from odoo.addons.connector_framework.synchronizers import Importer

from ..references import magento


@magento
class MagentoImporter(Importer):
    # A change of the stock, our own export included, moves the date of a product and nothing else.
    volatile_keys = ("updated_at",)
