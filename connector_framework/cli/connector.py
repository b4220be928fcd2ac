"""``odoo connector worker``: processes that run jobs and nothing else."""

from __future__ import annotations

import argparse
import os
import sys

from odoo.cli.command import Command
from odoo.tools import config


class Connector(Command):
    """Run the jobs of the queue in processes of their own"""

    def run(self, args):
        parser = argparse.ArgumentParser(prog=self.prog, description=self.__doc__)
        parser.add_argument("action", choices=["worker"])
        parser.add_argument(
            "--processes", type=int, help="processes that run jobs (default: one for each core, at most 4)"
        )
        parser.add_argument("--threads", type=int, help="jobs that run at a time, database and process (default: 4)")
        parser.add_argument("--channels", help="only these channels and those below, with commas between them")
        parser.add_argument(
            "--drain",
            action="store_true",
            help="end when nothing is due or running: with 0, or with 1 if a database that was named is not served",
        )
        parser.add_argument("--parent", type=int, help=argparse.SUPPRESS)
        options, odoo_args = parser.parse_known_args(args)
        for name in ("processes", "threads"):
            value = getattr(options, name)
            if value is not None and value < 1:
                parser.error(f"--{name} is at least 1")
        config.parse_config(odoo_args, setup_logging=True)
        sys.exit(self._work(options))

    def _work(self, options):
        import dataclasses

        from odoo.service import server

        # Odoo loads this file as odoo.cli.connector, from where a relative import does not lead to the addon.
        # pylint: disable=odoo-addons-relative-import
        from odoo.addons.connector_framework.queue.memory import prepare_process
        from odoo.addons.connector_framework.queue.processes import RETIRED, Ending
        from odoo.addons.connector_framework.queue.serving import serve, serve_in_processes
        from odoo.addons.connector_framework.queue.supervisor import Supervisor
        from odoo.addons.connector_framework.settings import load_settings, usable_cores

        # pylint: enable=odoo-addons-relative-import
        ending = Ending(options.parent)
        server.load_server_wide_modules()
        prepare_process()
        try:
            settings = load_settings()
        except ValueError as error:
            sys.exit(f"{self.prog}: error: {error}")
        if options.threads:
            settings = dataclasses.replace(settings, threads=options.threads)
        channels = [name.strip() for name in options.channels.split(",")] if options.channels else None
        count = options.processes or settings.processes or usable_cores()
        if count > 1:
            return serve_in_processes(count, settings, ending, channels=channels, drain=options.drain)
        code = serve(Supervisor(settings, channels=channels, drain=options.drain), ending)
        if code == RETIRED:
            # The same command again, in a fresh process.
            os.execv(sys.executable, [sys.executable, *sys.argv])
        return code
