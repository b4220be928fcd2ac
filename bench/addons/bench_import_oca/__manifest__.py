{
    "name": "Benchmark: Import with OCA's connector",
    "author": "The authors of the Connector Framework",
    "license": "LGPL-3",
    "version": "19.0.1.0.0",
    "depends": ["connector", "contacts"],
    "installable": True,
}
