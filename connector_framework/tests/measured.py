"""What ``script/test --coverage`` cannot measure."""

from __future__ import annotations

import sys
import unittest

#: Where all threads are traced, Python 3.11 begins a function again and again while an error waits for another thread
#: (``PyThreadState_SetAsyncExc``); 3.12 does not.
unmeasured_by_python_311 = unittest.skipIf(
    sys.gettrace() is not None and sys.version_info < (3, 12), "Python 3.11 stands still here when it is measured"
)
