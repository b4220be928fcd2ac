from . import test_adapters_failures
