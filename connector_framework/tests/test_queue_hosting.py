"""Servers that restart, databases that come and go, code that changes, poolers in between."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
import unittest

import psycopg2
from odoo import sql_db
from odoo.tests import tagged
from odoo.tools.misc import exec_pg_environ, find_pg_tool

from .common import wait_until
from .own_cluster import OwnServerCase, PgBouncer, pgbouncer
from .process_case import PROBE, ProcessCase, _postgres, drop_database, free_port, odoo_command


@tagged("post_install", "-at_install", "process", "server")
class TestDatabases(ProcessCase):
    """A worker without a database named serves all that its role owns."""

    role = f"connector_probe_{os.getpid()}"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with _postgres() as cursor:
            cursor.execute(f'CREATE ROLE "{cls.role}" LOGIN SUPERUSER')
            cursor.execute(f'ALTER DATABASE "{cls.dbname}" OWNER TO "{cls.role}"')
        cls.addClassCleanup(cls.drop_role)

    @classmethod
    def drop_role(cls):
        drop_database(cls.dbname)
        with _postgres() as cursor:
            cursor.execute(f'DROP ROLE "{cls.role}"')

    def start_all(self):
        return self.spawn_for_role(self.worker_command(discover_interval_s=1))

    def spawn_for_role(self, command):
        """Start a command that names the database without naming it, as the role."""
        position = command.index("-d")
        command = [c for c in command[:position] + command[position + 2 :] if not c.startswith("--db_user")]
        return self.spawn(*command, f"--db_user={self.role}", "-d", "")

    def test_prefork_server(self):
        """A prefork server that names no database says in its log why it has no processes for jobs, and what to do."""
        http = ("--http-interface=127.0.0.1", f"--http-port={free_port()}", f"--gevent-port={free_port()}")
        server = self.spawn_for_role(odoo_command("-d", self.dbname, "--workers=1", "--max-cron-threads=1", *http))

        def is_told():
            with _postgres() as cursor:  # it looks each minute otherwise
                cursor.execute("NOTIFY cron_trigger")
            return "name the database (-d, db_name)" in server.log.read_text(errors="replace")

        wait_until(is_told, 60)

    def test_threaded_server(self):
        """A threaded server that names no database runs the jobs of those that its scheduler has found."""
        http = ("--http-interface=127.0.0.1", f"--http-port={free_port()}", "--max-cron-threads=1")
        server = self.spawn_for_role(odoo_command("-d", self.dbname, *http))
        self.enqueue("effect", [("a",)])

        def is_done():
            with _postgres() as cursor:  # it looks each minute otherwise
                cursor.execute("NOTIFY cron_trigger")
            return self.states() == {"done": 1}

        wait_until(is_done, 90, self.logs)
        self.assertIsNone(server.popen.poll())

    def test_databases_come_and_go(self):
        """A new database is found, one without the addon left alone, a dropped one forgotten; the others go on."""
        plain, late = f"{self.dbname}_plain", f"{self.dbname}_late"
        self.addCleanup(drop_database, late)
        with _postgres() as cursor:
            cursor.execute(f'CREATE DATABASE "{plain}" OWNER "{self.role}" TEMPLATE template0')
        process = self.start_all()
        self.enqueue("effect", [("first",)])
        self.wait_states(20, done=1)
        with _postgres() as cursor:
            cursor.execute(f'CREATE DATABASE "{late}" OWNER "{self.role}" TEMPLATE "{self._templates[self.modules]}"')
        connection = psycopg2.connect(**sql_db.connection_info_for(late)[1])
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                """INSERT INTO connector_job (state, priority, channel_id, channel, attempt, max_attempts, crashes,
                                              user_id, call, model_name, method_name)
                   SELECT 'pending', 10, id, name, 0, 5, 0, 1, %s, 'queue.probe', 'effect'
                     FROM connector_job_channel WHERE name = 'root'""",
                ['{"ids": [], "args": ["late"], "kwargs": {}, "context": {}, "su": true}'],
            )

            def is_done():
                cursor.execute("SELECT key FROM queue_probe_effect")
                return cursor.fetchall() == [("late",)]

            wait_until(is_done, 90, self.logs)
        connection.close()
        drop_database(late)
        with _postgres() as cursor:
            cursor.execute(f'DROP DATABASE "{plain}" WITH (FORCE)')
        self.enqueue("effect", [("second",)])
        self.wait_states(20, done=2)
        self.assertIsNone(process.popen.poll())


@tagged("post_install", "-at_install", "process", "server")
class TestCopies(ProcessCase):
    def test_copied_while_running(self):
        """A copy of a busy database runs nothing while it is neutralized; else what ran on the original runs there too.

        The original does not notice.
        """
        self.start_worker("--threads=1")
        self.enqueue("effect", [("a", 6.0)])
        wait_until(lambda: self.sql("SELECT 1 FROM connector_worker WHERE running = 1"), 20, self.logs)
        copy = f"{self.dbname}_copy"
        self.addCleanup(drop_database, copy)
        self.dump_to(copy)
        jobs = "SELECT state, attempt, (SELECT count(*) FROM queue_probe_effect) FROM connector_job"
        with contextlib.closing(psycopg2.connect(**sql_db.connection_info_for(copy)[1])) as connection:
            connection.autocommit = True
            cursor = connection.cursor()

            def look():
                cursor.execute(jobs)
                return cursor.fetchall()

            cursor.execute("INSERT INTO ir_config_parameter (key, value) VALUES ('database.is_neutralized', 'true')")
            neutralized = self.spawn(*odoo_command("connector", "worker", "-d", copy, "--drain"))
            self.assertEqual(neutralized.wait(60), 0, self.logs())
            self.assertEqual(look(), [("running", 1, 0)])
            cursor.execute("DELETE FROM ir_config_parameter WHERE key = 'database.is_neutralized'")
            self.spawn(*odoo_command("connector", "worker", "-d", copy))
            wait_until(lambda: look() == [("done", 2, 1)], 60, self.logs)
        self.wait_states(20, done=1)
        self.assertEqual(self.sql(jobs), [("done", 1, 1)])

    def dump_to(self, name):
        """Make a copy of the database as a backup does, which nobody has to leave it for."""
        with _postgres() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        environ = exec_pg_environ()
        dump = subprocess.Popen([find_pg_tool("pg_dump"), self.dbname], stdout=subprocess.PIPE, env=environ)
        with dump:
            psql = [find_pg_tool("psql"), "-q", "-v", "ON_ERROR_STOP=1", "-d", name]
            subprocess.run(psql, stdin=dump.stdout, stdout=subprocess.DEVNULL, env=environ, check=True, timeout=120)
        self.assertEqual(dump.returncode, 0)

    def test_made_anew(self):
        """A database that is dropped and made anew under its name is served again, by the same process."""
        worker = self.start_worker(discover_interval_s=1)
        self.enqueue("effect", [("before",)])
        self.wait_states(20, done=1)
        self.disconnect()
        drop_database(self.dbname)
        with _postgres() as cursor:
            cursor.execute(f'CREATE DATABASE "{self.dbname}" TEMPLATE "{self._templates[self.modules]}"')
        self.connect()
        self.enqueue("effect", [("after",)])
        self.wait_states(60, done=1)
        self.assertEqual(self.sql("SELECT key FROM queue_probe_effect"), [("after",)])
        self.assertIsNone(worker.popen.poll())


@tagged("post_install", "-at_install", "process", "server")
class TestUpgrade(ProcessCase):
    def test_upgrade_in_another_process(self):
        """While addons are upgraded no job starts, none fails, and the new code is loaded before the next one."""
        worker = self.start_worker()
        self.enqueue("effect", [("before",)])
        self.wait_states(20, done=1)
        upgrade = self.spawn(*odoo_command("-d", self.dbname, "-u", PROBE, "--stop-after-init", "--no-http"))
        number = 1
        while upgrade.popen.poll() is None:
            self.enqueue("effect", [(f"during {number}",)])
            number += 1
            time.sleep(0.2)
        self.assertEqual(upgrade.popen.returncode, 0, self.logs())
        self.enqueue("effect", [("after",)])
        self.wait_states(90, done=number + 1)
        self.assertIn("Reloading the model registry", worker.log.read_text())
        self.assertEqual(self.sql("SELECT DISTINCT attempt FROM connector_job"), [(1,)])

    def test_nothing_starts(self):
        """A shell, an installation and a run that stops after its start run no job."""
        self.enqueue("effect", [("never",)])
        for args in (("-u", PROBE, "--stop-after-init", "--no-http"), ("--stop-after-init", "--no-http")):
            process = self.spawn(*odoo_command("-d", self.dbname, *args))
            self.assertEqual(process.wait(120), 0, self.logs())
        shell = self.spawn(*odoo_command("shell", "-d", self.dbname, "--no-http"))
        self.assertEqual(shell.wait(60), 0, self.logs())
        self.assertEqual(self.states(), {"pending": 1})
        self.assertEqual(self.sql("SELECT count(*) FROM connector_worker"), [(0,)])


@tagged("post_install", "-at_install", "process", "server")
class TestServerRestarts(OwnServerCase):
    def test_restarts(self):
        """PostgreSQL is restarted twice in the middle, once in order and once by a crash: each effect exactly once."""
        self.store(600, 0.02)
        workers = [self.start_there(self.cluster.host, self.cluster.port) for _ in range(2)]
        for mode in ("fast", "immediate"):
            done = self.states().get("done", 0)
            wait_until(lambda done=done: self.states().get("done", 0) > done + 50, 60, self.logs)
            self.cluster.stop(mode)
            time.sleep(0.5)
            self.cluster.start()
            self.connect()
        self.wait_states(120, done=600)
        self.assertEqual(self.effects(), 600)
        self.assertEqual([worker.popen.poll() for worker in workers], [None, None])


@tagged("post_install", "-at_install", "process", "server")
class TestPgBouncer(OwnServerCase):
    @classmethod
    def setUpClass(cls):
        if pgbouncer() is None:
            raise unittest.SkipTest("PgBouncer is not there: apt-get install pgbouncer, as script/test does for root")
        super().setUpClass()

    def test_transaction_mode(self):
        """Through PgBouncer in transaction mode every effect happens exactly once, also when a worker is killed."""
        bouncer = PgBouncer(self.cluster)
        self.addCleanup(bouncer.close)
        self.store(400, 0.02)
        victim = self.start_there(bouncer.host, bouncer.port, lease_s=5)
        self.start_there(bouncer.host, bouncer.port, lease_s=5)
        wait_until(lambda: self.states().get("done", 0) > 60, 60, self.logs)
        victim.kill()
        self.wait_states(90, done=400)
        self.assertEqual(self.effects(), 400)
        self.store_one_more()

    def store_one_more(self):
        """A job that comes while all is idle is found by the poll."""
        self.sql("DELETE FROM queue_probe_effect")
        self.store(1)
        self.wait_states(10, done=401)
