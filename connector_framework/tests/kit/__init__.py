"""The test kit; ``connector_framework.tests.common`` is its public face."""
