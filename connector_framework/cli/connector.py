"""``odoo connector worker``: a process that runs jobs and nothing else."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time

from odoo.cli.command import Command
from odoo.tools import config

#: Seconds between two looks at the memory that is used.
MEMORY_S = 4.0


class Connector(Command):
    """Run the jobs of the queue in a process of its own"""

    def run(self, args):
        parser = argparse.ArgumentParser(prog=self.prog, description=self.__doc__)
        parser.add_argument("action", choices=["worker"])
        parser.add_argument("--threads", type=int, help="jobs that run at a time and database (default: 4)")
        parser.add_argument("--channels", help="only these channels and those below, with commas between them")
        parser.add_argument(
            "--drain",
            action="store_true",
            help="end when nothing is due or running: with 0, or with 1 if a database that was named is not served",
        )
        options, odoo_args = parser.parse_known_args(args)
        if options.threads is not None and options.threads < 1:
            parser.error("--threads is at least 1")
        config.parse_config(odoo_args, setup_logging=True)
        sys.exit(self._work(options))

    def _work(self, options):
        import dataclasses

        from odoo.service import server

        # Odoo loads this file as odoo.cli.connector, from where a relative import does not lead to the addon.
        # pylint: disable-next=odoo-addons-relative-import
        from odoo.addons.connector_framework.queue import memory

        # pylint: disable-next=odoo-addons-relative-import
        from odoo.addons.connector_framework.queue.supervisor import Supervisor

        # pylint: disable-next=odoo-addons-relative-import
        from odoo.addons.connector_framework.settings import load_settings

        server.load_server_wide_modules()
        memory.prepare_process()
        try:
            settings = load_settings()
        except ValueError as error:
            sys.exit(f"{self.prog}: error: {error}")
        if options.threads:
            settings = dataclasses.replace(settings, threads=options.threads)
        channels = [name.strip() for name in options.channels.split(",")] if options.channels else None
        supervisor = Supervisor(settings, channels=channels, drain=options.drain)
        done = threading.Event()

        def stop(signum, frame):
            if done.is_set():
                sys.stderr.write("Forced shutdown.\n")
                os._exit(1)
            done.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        thread = supervisor.start()
        replace, next_look = False, time.monotonic() + MEMORY_S
        while not done.wait(0.2):
            if replace:
                supervisor.retire()
                if supervisor.ended:
                    break
            elif not thread.is_alive():
                break
            elif time.monotonic() >= next_look:
                replace, next_look = memory.uses_too_much(os.getpid()), time.monotonic() + MEMORY_S
        supervisor.stop()
        if replace and not done.is_set():
            # The same command again, in a fresh process.
            os.execv(sys.executable, [sys.executable, *sys.argv])
        if options.drain and not done.is_set():
            for name, why in supervisor.unserved.items():
                sys.stderr.write(f"{self.prog}: database {name} is not served: {why}\n")
            return 1 if supervisor.unserved else 0
        return 0
