from . import test_adapters_failures
from . import test_adapters_limits
