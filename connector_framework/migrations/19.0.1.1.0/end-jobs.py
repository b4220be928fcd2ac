"""Jobs of an earlier version get what this one knows of jobs: their backend, and the incident of failed ones."""

import json
import logging

from odoo import SUPERUSER_ID, api
from odoo.tools import SQL
from odoo.tools.misc import split_every

from odoo.addons.connector_framework.queue.arguments import decode_call, environment
from odoo.addons.connector_framework.queue.claimed import Failure
from odoo.addons.connector_framework.queue.sql import incidents

_logger = logging.getLogger(__name__)

#: Causes of failed jobs that become incidents, those of the most jobs first.
MAX_CAUSES = 1_000


def migrate(cr, version):
    if version:
        name_backends(cr)
        open_incidents(cr)


def name_backends(cr):
    """Write the backend of jobs that have not ended well."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    cr.execute(
        """SELECT id, user_id, model_name, call FROM connector_job
            WHERE state IN ('waiting', 'pending', 'running', 'failed') AND backend_model IS NULL"""
    )
    found = [(job_id, backend) for job_id, *call in cr.fetchall() if (backend := backend_of(env, *call))]
    for part in split_every(1_000, found):
        cr.execute_values(
            """UPDATE connector_job j SET backend_model = b.model, backend_id = b.id, backend_name = b.name
                 FROM (VALUES %s) AS b (job_id, model, id, name) WHERE j.id = b.job_id""",
            [(job_id, backend._name, backend.id, backend.display_name) for job_id, backend in part],
        )
    _logger.info("%s jobs of the version before know their backend", len(found))


def backend_of(env, user_id, model_name, text):
    """Return the backend (0..1) that a stored call works with; None where the call cannot be made any more."""
    try:
        call = json.loads(text)
        caller = environment(env.cr, user_id, call)
        args, kwargs = decode_call(call, caller)
        records = caller(user=SUPERUSER_ID)[model_name].browse(call["ids"]).exists()
        backend = records._job_backend(*args, **kwargs)
        return backend.sudo().exists() if backend else None
    except Exception as error:
        _logger.info("the backend of a job of %s is not known: %s", model_name, error)
        return None


def open_incidents(cr):
    """Make incidents of the jobs that have failed."""
    cr.execute(
        """SELECT exc_type, exc_message FROM connector_job WHERE state = 'failed' AND incident_id IS NULL
            GROUP BY exc_type, exc_message ORDER BY count(*) DESC LIMIT %s""",
        [MAX_CAUSES],
    )
    for exc_type, exc_message in cr.fetchall():
        failing = SQL(
            """state = 'failed' AND incident_id IS NULL AND exc_type IS NOT DISTINCT FROM %s
               AND exc_message IS NOT DISTINCT FROM %s""",
            exc_type,
            exc_message,
        )
        cr.execute(
            SQL(
                """WITH %s UPDATE connector_job j SET incident_id = c.id
                     FROM o JOIN counted c ON %s WHERE j.id = o.id""",
                incidents.counting(failing, Failure(exc_type, exc_message)),
                incidents.OF_JOB,
            )
        )
