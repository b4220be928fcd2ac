"""A worker as one writes it at first: the work in one commit, ``done`` in another one.

Killed between the two, it leaves work that is done again. It is what the chaos test must catch: one that passes with
this worker would prove nothing. Run as a program; its argument is what psycopg2.connect takes, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import psycopg2

CLAIM = """
    UPDATE connector_job SET state = 'running', worker_id = %s, attempt = attempt + 1 WHERE id = (
        SELECT id FROM connector_job WHERE state = 'pending' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, call
"""


def work(connection) -> None:
    """Run jobs until none is pending, those of dead processes included."""
    cursor = connection.cursor()
    cursor.execute("SELECT DISTINCT worker_id FROM connector_job WHERE state = 'running'")
    dead = [pid for (pid,) in cursor.fetchall() if not Path(f"/proc/{pid}").exists()]
    cursor.execute("UPDATE connector_job SET state = 'pending' WHERE state = 'running' AND worker_id = ANY(%s)", [dead])
    while True:
        cursor.execute(CLAIM, [os.getpid()])
        row = cursor.fetchone()
        connection.commit()
        if row is None:
            return
        job_id, call = row
        try:
            cursor.execute("INSERT INTO queue_probe_effect (key) VALUES (%s)", [json.loads(call)["args"][0]])
            connection.commit()
            state = "done"
        except psycopg2.IntegrityError:
            connection.rollback()
            state = "failed"
        time.sleep(0.005)
        cursor.execute("UPDATE connector_job SET state = %s WHERE id = %s", [state, job_id])
        connection.commit()


if __name__ == "__main__":
    database = psycopg2.connect(**json.loads(sys.argv[1]))
    while True:
        work(database)
        time.sleep(0.1)
