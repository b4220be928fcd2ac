from . import test_process_two_odoos
