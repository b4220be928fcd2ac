"""The service and its versions; a version registers only what differs."""

from odoo.addons.connector_framework.references import Reference

magento = Reference("magento")
magento_1_7 = Reference("magento", version="1.7", parent=magento)
magento_1_9 = Reference("magento", version="1.9", parent=magento)
