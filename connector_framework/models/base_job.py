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

    def _job_backend(self, *args, **kwargs):
        """Return the backend (0..1) that a job of these records works with.

        To be overridden. The job shows it, and runs in its channel if neither the call nor the method names one. The
        jobs that one call stores all have the backend of the first.

        :param args: the arguments of the call, and ``kwargs``
        :return: a record of a backend model; None: the job works with none
        """
        return None

    def _job_subjects(self, method, *args, **kwargs):
        """Return what a job of these records is about: people look for its jobs by it.

        To be overridden.

        :param method: the function that the job calls
        :return: (id of a record of this model or None, external id as text or None) each
        """
        return ()
