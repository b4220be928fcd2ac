"""Methods for jobs that leave a trace: one row for each time their work was committed."""

import os
import signal
import time

from odoo import api, models

from odoo.addons.connector_framework.exceptions import RetryableError
from odoo.addons.connector_framework.queue import job_options

_HOARD: list[bytearray] = []


class QueueProbe(models.AbstractModel):
    _name = "queue.probe"
    _description = "Queue Probe"

    def init(self):
        self.env.cr.execute(
            """
            CREATE TABLE IF NOT EXISTS queue_probe_effect (key text PRIMARY KEY, pid integer, at timestamp, xid bigint);
            CREATE TABLE IF NOT EXISTS queue_probe_run (key text, pid integer, started timestamp, ended timestamp)
            """
        )

    @api.private
    def effect(self, key, sleep_s=0.0):
        """Insert one row; a second one for the same key violates the primary key."""
        self.env.cr.execute(
            "INSERT INTO queue_probe_effect VALUES (%s, %s, clock_timestamp() AT TIME ZONE 'utc', txid_current())",
            [key, os.getpid()],
        )
        if sleep_s:
            time.sleep(sleep_s)
        return key

    @api.private
    def query(self, key, sleep_s):
        """Let PostgreSQL be busy for a while."""
        self.effect(key)
        self.env.cr.execute("SELECT pg_sleep(%s)", [sleep_s])

    @api.private
    @job_options(on_failure="failed")
    def reported(self, key, sleep_s):
        """Let PostgreSQL be busy, and leave an effect if that fails."""
        self.query(key, sleep_s)

    @api.private
    def failed(self, job):
        self.effect(f"{job.exc_type} of job {job.id}")

    @api.private
    def span(self, key, sleep_s=0.05):
        """Note when the job ran, seen from inside of it."""
        self.env.cr.execute("SELECT clock_timestamp() AT TIME ZONE 'utc'")
        started = self.env.cr.fetchone()[0]
        time.sleep(sleep_s)
        self.env.cr.execute(
            "INSERT INTO queue_probe_run VALUES (%s, %s, %s, clock_timestamp() AT TIME ZONE 'utc')",
            [key, os.getpid(), started],
        )

    @api.private
    def fan(self, keys, sleep_s):
        """Enqueue jobs."""
        self.as_job().map("span", [(key, sleep_s) for key in keys])

    @api.private
    def claimed(self):
        """Return how many jobs are claimed, this one included."""
        self.env.cr.execute("SELECT count(*) FROM connector_job WHERE state = 'running'")
        return self.env.cr.fetchone()[0]

    @api.private
    def hoard(self, mebibytes, sleep_s):
        """Let the process use more memory for good, and go on for a while."""
        _HOARD.append(bytearray(mebibytes * 2**20))
        self.effect("hoard", sleep_s)

    @api.private
    def poison(self):
        """Kill the process that runs it."""
        os.kill(os.getpid(), signal.SIGKILL)

    @api.private
    def steps(self, key, count, pause_s=0.0):
        """Do ``count`` steps with a checkpoint after each; a next attempt goes on after the last one."""
        jobs = self.env["connector.job"]
        for step in range((jobs.checkpoint_state() or {"done": 0})["done"], count):
            self.effect(f"{key}-{step}")
            jobs.report_progress(step + 1, count)
            jobs.checkpoint({"done": step + 1})
            time.sleep(pause_s)

    @api.private
    @job_options(retry_pattern={1: 0})
    def flaky(self, key):
        """Fail on the first attempt, after having written."""
        self.effect(key)
        job = self.env["connector.job"].current()
        if job.attempt == 1:
            raise RetryableError("the first attempt fails")

    @api.private
    @job_options(group_commit=20)
    def tiny(self, key):
        """Insert one row, together with up to 19 other jobs; fail for some keys."""
        self.effect(key)
        if key.startswith("bad"):
            raise ValueError(key)

    @api.private
    @job_options(group_commit=20)
    def nothing(self):
        """Do nothing, together with others."""

    @api.private
    def pause(self, sleep_s):
        """Wait, as for the answer of another system."""
        time.sleep(sleep_s)

    @api.private
    def spin(self):
        """Never return, without touching the database."""
        while True:
            time.sleep(0.01)
