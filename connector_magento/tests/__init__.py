from . import (
    test_backend,
    test_catalogue,
    test_documents,
    test_export,
    test_failures,
    test_import_all,
    test_order,
    test_order_export,
    test_order_lines,
    test_order_rules,
    test_partner,
    test_process_import,
)
