"""Two real Odoos that have a backend for each other."""

from __future__ import annotations

import psycopg2
from odoo import sql_db

from odoo.addons.connector_framework.tests.common import wait_until
from odoo.addons.connector_framework.tests.process_case import PROBE, ProcessCase, free_port, odoo_command

#: What the user of the other Odoo has to be allowed to do; the last one where there are sales, whose lines Odoo looks
#: at when a product is written.
GROUPS = (
    "base.group_user",
    "base.group_partner_manager",
    "product.group_product_manager",
    "base.group_allow_export",
    "sales_team.group_sale_manager",
)


class Side:
    """One of the Odoos: its database, its server, and the key by which the other one gets in."""

    def __init__(self, case, name, dbname):
        self.case = case
        self.name = name
        self.dbname = dbname
        self.connection = psycopg2.connect(**sql_db.connection_info_for(dbname)[1])
        self.connection.autocommit = True
        case.addCleanup(self.connection.close)
        with self.environment() as env:
            groups = [env.ref(name, raise_if_not_found=False) for name in GROUPS]
            user = env["res.users"].create(
                {
                    "name": f"The user of the other side on {name}",
                    "login": "connector",
                    "group_ids": [(6, 0, [group.id for group in groups if group])],
                }
            )
            self.user_id = user.id
            self.key = env["res.users.apikeys"].with_user(user).sudo()._generate(None, "connector", None)

    def start(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        options = ["--http-interface=127.0.0.1", f"--http-port={port}", "--max-cron-threads=0"]
        self.case.spawn(*odoo_command("-d", self.dbname, *options))

    def wait_started(self):
        wait_until(
            lambda: self.sql("SELECT 1 FROM connector_worker"), 90, lambda: f"no worker started: {self.case.logs()}"
        )

    def connect(self, other, **values):
        """Make the backend for another Odoo."""
        with self.environment() as env:
            backend = env["odoo.backend"].create(
                {
                    "name": f"{other.name} as seen from {self.name}",
                    "url": other.url,
                    "database": other.dbname,
                    "login": "connector",
                    "api_key": other.key,
                    "state": "connected",
                    "peer_user_id": self.user_id,
                    **values,
                }
            )
            self.backend_id = backend.id

    def environment(self):
        """Return a context with an environment on the database; what it did is committed at the end."""
        return self.case.environment(self.dbname)

    def sql(self, query, *params):
        with self.connection.cursor() as cursor:
            cursor.execute(query, params or None)
            return cursor.fetchall() if cursor.description else []

    def jobs(self):
        return dict(self.sql("SELECT state, count(*) FROM connector_job GROUP BY state"))

    def is_at_rest(self):
        return set(self.jobs()) <= {"done"}

    def writes(self):
        """Return how many calls that change something were made from here.

        A call is logged after the end of its job: the next heartbeat says that the threads are free again.
        """
        now = self.sql("SELECT clock_timestamp() AT TIME ZONE 'utc'")[0][0]
        free = "SELECT bool_and(running = 0 AND last_seen > %s) FROM connector_worker"
        wait_until(lambda: self.sql(free, now) == [(True,)], 90, self.case.report)
        return self.sql("SELECT count(*) FROM connector_exchange WHERE path ~ '/(load|write|unlink)$'")[0][0]

    def last_calls(self):
        """Return the last calls that were made from here, to be read when a test fails."""
        return self.sql(
            """SELECT date, job_id, path, status, left(request, 300), left(error, 300)
                 FROM connector_exchange ORDER BY id DESC LIMIT 8"""
        )

    def problems(self):
        return self.sql("SELECT name, state, exc_message FROM connector_job WHERE state != 'done' LIMIT 5")


class TwoOdoosCase(ProcessCase):
    modules = (PROBE, "connector_odoo")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.peername = cls.make_database()

    def setUp(self):
        super().setUp()
        self.here = Side(self, "here", self.dbname)
        self.there = Side(self, "there", self.peername)

    def start(self, *sides):
        for side in sides:
            side.start()
        for side in sides:
            side.wait_started()

    def wait(self, condition):
        """Wait until something has happened; a job that fails ends it at once."""
        wait_until(lambda: self.failed() or condition(), 60, self.report)
        self.assertFalse(self.failed(), self.report())

    def wait_at_rest(self):
        """Wait until neither of the two has anything left to do."""
        # Twice: a job here may have been making one there.
        self.wait(lambda: all(side.is_at_rest() for side in (self.here, self.there, self.here, self.there)))

    def failed(self):
        return [problem for side in (self.here, self.there) for problem in side.problems() if problem[1] == "failed"]

    def report(self):
        return f"{[(side.name, side.jobs(), side.problems()) for side in (self.here, self.there)]}; {self.logs()}"
