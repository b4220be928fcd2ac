{
    "name": "Odoo Connector",
    "summary": "Contacts and products of another Odoo, both ways",
    "version": "19.0.1.1.0",
    "category": "Productivity/Connectors",
    "author": "connector_framework contributors",
    "license": "LGPL-3",
    "depends": ["connector_framework", "product"],
    "data": [
        "security/ir.model.access.csv",
        "security/odoo_security.xml",
        "data/ir_cron_data.xml",
        "views/odoo_backend_views.xml",
        "views/odoo_binding_views.xml",
        "views/menus.xml",
    ],
}
