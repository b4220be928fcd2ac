from . import test_acceptance, test_backend, test_export, test_import, test_process_peer, test_process_two_odoos
