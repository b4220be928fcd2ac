"""``odoo connector``: processes that run jobs and nothing else, and what a person does from a terminal."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from odoo.cli.command import Command
from odoo.tools import config

# Odoo loads this file as odoo.cli.connector, from where a relative import does not lead to the addon.
# pylint: disable=odoo-addons-relative-import


class Connector(Command):
    """Run the jobs of connectors, and look after them"""

    def run(self, args: list[str]) -> None:
        from odoo.addons.connector_framework.terminal import COMMANDS

        parser = argparse.ArgumentParser(
            prog=self.prog,
            description=self.__doc__,
        )
        actions = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
        worker = self._add(actions, "worker", "run jobs in processes of their own")
        self._worker_arguments(worker)
        for name, command in COMMANDS.items():
            action = self._add(actions, name, command.help)
            action.add_argument("--json", action="store_true", help="for programs")
            command.arguments(action)
        options, odoo_args = parser.parse_known_args(args)
        for name in ("config", "database"):
            if getattr(options, name):
                odoo_args.append(f"--{name}={getattr(options, name)}")
        if options.action != "worker":
            sys.exit(self._command(COMMANDS[options.action], options, odoo_args, parser))
        for name in ("processes", "threads"):
            value = getattr(options, name)
            if value is not None and value < 1:
                worker.error(f"--{name} is at least 1")
        config.parse_config(odoo_args, setup_logging=True)
        sys.exit(self._work(options))

    @staticmethod
    def _add(actions: Any, name: str, help_: str) -> argparse.ArgumentParser:
        """Add a command that takes Odoo's options too, and return its parser."""
        parser: argparse.ArgumentParser = actions.add_parser(
            name, help=help_, description=help_, epilog="It takes Odoo's other options too, as --name=VALUE."
        )
        parser.add_argument("-c", "--config", metavar="FILE", help="Odoo's configuration file")
        parser.add_argument("-d", "--database", metavar="DATABASE", help="the database")
        return parser

    @staticmethod
    def _worker_arguments(parser: argparse.ArgumentParser) -> None:
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

    def _command(
        self, command: Any, options: argparse.Namespace, odoo_args: list[str], parser: argparse.ArgumentParser
    ) -> int:
        """Run a command on the database that is named, and print its result; return the exit code."""
        from odoo import SUPERUSER_ID, api
        from odoo.exceptions import AccessError, UserError, ValidationError
        from odoo.modules.registry import Registry

        from odoo.addons.connector_framework.terminal import as_json, as_text

        # What it prints is the result: nothing of the log is to be in it.
        config.parse_config(["--log-level=warn", *odoo_args], setup_logging=True)
        names = config["db_name"]
        if len(names) != 1:
            parser.error("name one database: -d DATABASE")
        registry = Registry(names[0])
        if "connector.job" not in registry:
            parser.error(f"connector_framework is not installed in {names[0]}")
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {"lang": "en_US"})
            try:
                result = command.run(env, options)
            except (AccessError, UserError, ValidationError) as error:
                sys.stderr.write(f"{self.prog} {options.action}: {error}\n")
                return 2
            cr.commit()  # pylint: disable=invalid-commit  # the command's end
            registry.signal_changes()
        sys.stdout.write((as_json if options.json else as_text)(result.data) + "\n")
        return result.code

    def _work(self, options: argparse.Namespace) -> int:
        import dataclasses

        from odoo.service import server

        from odoo.addons.connector_framework.queue.memory import prepare_process
        from odoo.addons.connector_framework.queue.processes import RETIRED, Ending
        from odoo.addons.connector_framework.queue.serving import serve, serve_in_processes
        from odoo.addons.connector_framework.queue.supervisor import Supervisor
        from odoo.addons.connector_framework.settings import (
            load_settings,
            usable_cores,
            warn_of_unknown_settings,
        )

        ending = Ending(options.parent)
        server.load_server_wide_modules()
        prepare_process()
        try:
            settings = load_settings()
        except ValueError as error:
            sys.exit(f"{self.prog}: error: {error}")
        if not options.parent:  # which has warned
            warn_of_unknown_settings()
        if options.threads:
            settings = dataclasses.replace(settings, threads=options.threads, fixed=settings.fixed | {"threads"})
        channels = [name.strip() for name in options.channels.split(",")] if options.channels else None
        count = options.processes or settings.processes or usable_cores()
        if count > 1:
            return serve_in_processes(count, settings, ending, channels=channels, drain=options.drain)
        code = serve(Supervisor(settings, channels=channels, drain=options.drain), ending)
        if code == RETIRED:
            # The same command again, in a fresh process.
            os.execv(sys.executable, [sys.executable, *sys.argv])
        return code
