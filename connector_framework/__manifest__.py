{
    "name": "Connector Framework",
    "summary": "Events, job queue, references, mappings and synchronizers to build connectors with",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "connector_framework contributors",
    "license": "LGPL-3",
    "depends": ["mail"],
    "data": [
        "security/connector_security.xml",
        "security/ir.model.access.csv",
        "views/menus.xml",
    ],
    "installable": True,
    "application": True,
}
