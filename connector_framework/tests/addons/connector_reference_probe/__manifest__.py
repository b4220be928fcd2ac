{
    "name": "Connector Reference Probe",
    "summary": "A reference with classes, for the tests with two databases",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "connector_framework contributors",
    "license": "LGPL-3",
    "depends": ["connector_framework"],
    "installable": True,
}
