{
    "name": "Magento 1 Connector",
    "summary": "Customers, catalogue, orders and stock of a Magento 1.x shop",
    "version": "19.0.1.0.0",
    "category": "Sales/Connectors",
    "author": "connector_framework contributors",
    "license": "LGPL-3",
    "depends": ["connector_framework", "sale_stock"],
    "data": [
        "security/ir.model.access.csv",
        "security/magento_security.xml",
        "data/product_data.xml",
        "data/channel_data.xml",
        "views/magento_backend_views.xml",
        "views/magento_binding_views.xml",
        "views/record_views.xml",
        "views/menus.xml",
    ],
}
