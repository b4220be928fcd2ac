{
    "name": "Benchmark: Import with the Connector Framework",
    "author": "The authors of the Connector Framework",
    "license": "LGPL-3",
    "version": "19.0.1.0.0",
    "depends": ["connector_framework", "contacts"],
    "installable": True,
}
