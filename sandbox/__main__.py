"""Start a sandbox from the command line: `python3 -m sandbox --port 8080`."""

from __future__ import annotations

import argparse
import logging
import signal

from .sandbox import Sandbox


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="sandbox", description="Play a Magento 1 shop that speaks XML-RPC.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on, 0 takes a free one (default)")
    parser.add_argument("--types", choices=("strings", "native"), default="strings", help="types of scalar values")
    parser.add_argument("--session-life", type=float, default=3600, help="seconds (default: %(default)s)")
    parser.add_argument("--failure-rate", type=float, default=0, help="share of requests that fail (default: 0)")
    parser.add_argument("--seed", type=int, default=0, help="fixes which requests fail (default: 0)")
    parser.add_argument("--utc-offset", type=int, default=0, help="the shop's time zone, minutes east of UTC")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    options = parser.parse_args()
    logging.basicConfig(level=logging.DEBUG if options.verbose else logging.WARNING)
    # Blocked in all threads, and waited for: a handler may come right before the main thread falls asleep for good.
    stopping = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    shop = Sandbox(
        options.port,
        options.types,
        host=options.host,
        session_life_s=options.session_life,
        failure_rate=options.failure_rate,
        seed=options.seed,
        utc_offset_minutes=options.utc_offset,
    )
    with shop:
        print(f"Magento sandbox listening on {shop.url} (user {shop.user}, key {shop.key})", flush=True)
        signal.sigwait(stopping)


if __name__ == "__main__":
    main()
