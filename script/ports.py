"""Find a loopback port to listen on."""

from __future__ import annotations

import random
import socket
from contextlib import suppress

# Linux gives ports from 32768 on to outgoing connections, which could take a free one before it is listened on.
PORTS = range(10000, 32768)


def free_port() -> int:
    """Return a loopback port that nothing listens on."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
