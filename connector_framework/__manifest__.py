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
        "security/connector_job_rules.xml",
        "data/connector_job_channel_data.xml",
        "views/menus.xml",
    ],
    "installable": True,
    "application": True,
}
