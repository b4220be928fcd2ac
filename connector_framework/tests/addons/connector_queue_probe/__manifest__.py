{
    "name": "Connector Queue Probe",
    "summary": "Jobs with effects that can be counted, for the tests with real workers",
    "version": "19.0.1.0.0",
    "category": "Hidden",
    "author": "connector_framework contributors",
    "license": "LGPL-3",
    "depends": ["connector_framework"],
    "installable": True,
}
