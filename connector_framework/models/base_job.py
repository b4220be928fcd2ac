"""``as_job`` on every model."""

from __future__ import annotations

from odoo import api, models

from ..queue import JobProxy


class Base(models.AbstractModel):
    _inherit = "base"

    @api.private
    def as_job(self, **options):
        """Return a proxy of ``self``: the method called on it is stored as a job and run later by a worker.

        The job is stored in this transaction: rolled back, there is none. It runs as the present user, with the present
        company, allowed companies and language.

        :param options: ``priority``, ``eta``, ``channel``, ``max_attempts``, ``identity_key``, ``identity_until``,
            ``exclusive_key``, ``after``, ``timeout_s``, ``description``, ``keep_context``, ``split``; each with its
            meaning and default in ``docs/queue.md``
        :raises TypeError: for an unknown option, a value of the wrong type, an argument that cannot be stored
        :raises AttributeError: for a method that the model does not have
        """
        return JobProxy(self, options)

    def _job_channel(self, *args, **kwargs):
        """Return the channel of a job of these records for which neither the call nor the method names one.

        To be overridden; the jobs that one call stores are all in the channel of the first. The default is ``root``.

        :param args: the arguments of the call, and ``kwargs``
        :return: the path; None: ``root``
        """
        return None
