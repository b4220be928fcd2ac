from . import test_order_lines
