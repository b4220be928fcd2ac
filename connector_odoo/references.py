"""The service and its versions; a version registers only what differs."""

from odoo.addons.connector_framework.references import Reference

odoo = Reference("odoo")
odoo_19 = Reference("odoo", version="19.0", parent=odoo)
odoo_16 = Reference("odoo", version="16.0", parent=odoo)
