{
    "name": "Connector Reference Probe, More",
    "summary": "Classes that replace and add to those of another addon, for the tests with two databases",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "connector_framework contributors",
    "license": "LGPL-3",
    "depends": ["connector_reference_probe"],
    "installable": True,
}
