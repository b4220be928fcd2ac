"""Importing many records: the metadata at once, the rest by a job a record, incrementally."""

from __future__ import annotations

from datetime import datetime

from odoo.addons.connector_framework.synchronizers import DelayedBatchImporter, DirectBatchImporter

from ..references import magento

#: What the shop is made of: few, small, and what all else refers to.
METADATA = (
    "magento.website",
    "magento.store",
    "magento.storeview",
    "magento.customer.group",
    "magento.attribute.set",
    "magento.tax.class",
)


@magento
class MetadataBatchImporter(DirectBatchImporter):
    _apply_on = METADATA


@magento
class RecordBatchImporter(DelayedBatchImporter):
    """The stream of each model goes by ``updated_at``; what comes twice is dropped by its content."""

    _apply_on = (
        "magento.res.partner",
        "magento.product.template",
        "magento.product.product",
        "magento.sale.order",
    )
    stream = True
    # Windows of ids.
    stable_pages = True

    def _since_filters(self, since: datetime) -> dict:
        return {"updated_at": {"gteq": since.strftime("%Y-%m-%d %H:%M:%S")}}

    def _now(self) -> datetime:
        # The dates are the shop's, whatever our clock says: its answer to a call has its time.
        self.adapter.ping()
        return self.adapter.server_time() or super()._now()


@magento
class CategoryBatchImporter(RecordBatchImporter):
    _apply_on = "magento.product.category"
    job_channel = "root.magento.category"
