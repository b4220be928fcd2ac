from . import test_order_lines
from . import test_import_all
from . import test_partner
from . import test_catalogue
from . import test_order
from . import test_export
from . import test_failures
