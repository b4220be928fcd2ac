"""Failures of one cause are one incident, which is reported, resolved and opened again by itself."""

from __future__ import annotations

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import BaseCase, new_test_user, tagged

from ..exceptions import MappingError, RetryableError
from ..queue.causes import pattern, place
from .common import drain_jobs
from .test_queue_failures import FailureCase


@tagged("post_install", "-at_install", "plain")
class TestCauses(BaseCase):
    def test_pattern(self):
        """Ids, numbers, quoted text, dates and addresses do not tell two messages apart."""
        for one, other in (
            ("record 12 is gone", "record 4711 is gone"),
            ("no country 'XX'", "no country 'YY'"),
            ('order "100000012": 12.50 expected', 'order "100000013": 1,312.50 expected'),
            ("since 2024-01-02 03:04:05 it is down", "since 2025-11-12 13:14:15 it is down"),
            ("Thu, 02 Jan 2024 10:00:00 GMT: down", "Mon, 12 Nov 2025 11:00:00 GMT: down"),
            ("https://a.example/x/1 refused", "https://b.example/y/2 refused"),
            ("a@example.com is no customer", "b@example.org is no customer"),
            ("ids [1, 2, 3] are missing", "ids [4] are missing"),
            ("object at 0x7f12ab", "object at 0x7f99cd"),
            ("Key (name)=(a1) exists", "Key (name)=(b2) exists"),
        ):
            with self.subTest(one=one):
                self.assertEqual(pattern(one), pattern(other))

    def test_other_causes(self):
        """Other words are another cause."""
        self.assertNotEqual(pattern("no country 'XX'"), pattern("no currency 'XX'"))
        self.assertNotEqual(pattern("it is down"), pattern("it is up"))

    def test_long(self):
        """Any text has a pattern, in time that grows with nothing."""
        for text in ("", "'" * 100_000, "1" * 100_000, "a\n" * 100_000, "1.a" * 100_000):
            self.assertLessEqual(len(pattern(text)), 300)

    def test_place(self):
        """The innermost function of a connector, not Odoo's or Python's."""

        def fail():
            return int("x")

        try:
            fail()
        except ValueError as error:
            self.assertEqual(place(error), f"{__name__}:fail")
        self.assertIsNone(place(ValueError("not raised")))


class IncidentCase(FailureCase):
    def fails(self, *errors, name="probe", records=None):
        """Run one job for each error, which it raises; None: it succeeds; return the jobs."""
        left = list(errors)

        def probe(records):
            error = left.pop(0)
            if error is not None:
                raise error

        jobs = self.env["connector.job"]
        with self.method(probe):
            for _error in errors:
                jobs |= self.partner.as_job(max_attempts=1).probe()
            drain_jobs(self)
        jobs.invalidate_recordset()
        return jobs

    def incident(self, jobs):
        """Return the incident (1) of jobs, as it is now."""
        self.env.invalidate_all()
        incident = jobs.incident_id
        incident.ensure_one()
        return incident

    def messages(self, incident):
        """Return how many messages went to the followers."""
        subtype = self.env.ref("mail.mt_comment")
        return len(incident.message_ids.filtered(lambda one: one.subtype_id == subtype))

    def later(self, incident, **ago):
        """Have the incident's messages be so long ago."""
        back = timedelta(**ago)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE connector_incident SET reported_at = reported_at - %s, reported_before = reported_before - %s,"
            " date_opened = date_opened - %s WHERE id = %s",
            [back, back, back, incident.id],
        )
        self.env.invalidate_all()


@tagged("post_install", "-at_install", "transaction")
class TestIncidents(IncidentCase):
    def test_one_cause(self):
        """Failures that differ in numbers and quotes are one incident, with its jobs."""
        jobs = self.fails(ValueError("record 1 of 'a'"), ValueError("record 2 of 'b'"), ValueError("record 3 of 'c'"))
        incident = self.incident(jobs)
        self.assertEqual((incident.state, incident.count, incident.failed_count), ("open", 3, 3))
        self.assertEqual(incident.job_ids, jobs)
        self.assertEqual((incident.exc_type, incident.name), ("ValueError", "ValueError: record 3 of 'c'"))
        self.assertLessEqual(incident.date_first, incident.date_last)

    def test_several_causes(self):
        """Another type or another message is another incident."""
        jobs = self.fails(ValueError("down"), KeyError("down"), ValueError("up"))
        self.assertEqual(len(jobs.incident_id), 3)

    def test_retries(self):
        """An attempt that is made again is no failure; the last one is."""
        jobs = self.fails(RetryableError("down"))
        self.assertEqual(self.incident(jobs).count, 1)

    def test_what_to_do(self):
        """It says what to do, as the job does."""
        jobs = self.fails(MappingError({"email": "is missing"}))
        self.assertEqual(self.incident(jobs).user_message, jobs.user_message)

    def test_company(self):
        """Each company has its own; a user of another one does not see it."""
        other = self.env["res.company"].create({"name": "Other"})
        first = self.fails(ValueError("down"))
        self.partner = self.partner.with_company(other)
        second = self.fails(ValueError("down"))
        self.assertNotEqual(first.incident_id, second.incident_id)
        user = new_test_user(self.env, "watching", "connector_framework.group_connector_user")
        seen = self.env["connector.incident"].with_user(user).search([("id", "in", (first | second).incident_id.ids)])
        self.assertEqual(seen, first.incident_id)

    def test_resolved_by_a_success(self):
        """The next job of its kind that succeeds resolves it; another failure opens it again, with its count."""
        jobs = self.fails(ValueError("down"))
        incident = self.incident(jobs)
        self.fails(None)
        self.assertEqual(self.incident(jobs).state, "resolved")
        self.assertTrue(incident.date_resolved)
        more = self.fails(ValueError("down"))
        self.assertEqual(self.incident(more), incident)
        self.assertEqual((incident.state, incident.count), ("open", 2))

    def test_not_resolved_by_others(self):
        """A job of another kind, one that fails otherwise, and one set to done prove nothing."""
        jobs = self.fails(ValueError("down"))
        self.fails(KeyError("other"))
        waiting = self.partner.as_job(eta=3600).exists()
        waiting.action_done()
        self.partner.as_job().exists()
        drain_jobs(self)
        self.assertEqual(self.incident(jobs).state, "open")

    def test_resolved_without_jobs(self):
        """It is resolved when the last of its jobs is cancelled."""
        jobs = self.fails(ValueError("down"))
        jobs.action_cancel()
        drain_jobs(self)
        self.assertEqual(self.incident(jobs).state, "resolved")

    def test_requeue(self):
        """All its failed jobs are requeued; their success resolves it."""
        jobs = self.fails(*[ValueError("down")] * 3)
        incident = self.incident(jobs)
        with self.method(lambda records: None):
            incident.action_requeue()
            self.assertEqual(set(jobs.mapped("state")), {"pending"})
            drain_jobs(self)
        self.env.invalidate_all()
        self.assertEqual((set(jobs.mapped("state")), incident.state), ({"done"}, "resolved"))

    def test_resolve(self):
        """A person resolves it; the next failure opens it."""
        jobs = self.fails(ValueError("down"))
        incident = self.incident(jobs)
        incident.action_resolve()
        self.assertEqual(incident.state, "resolved")
        self.fails(ValueError("down"))
        self.assertEqual(self.incident(jobs).state, "open")

    def test_rights(self):
        """A Connector User sees and does nothing; an internal user sees nothing."""
        incident = self.incident(self.fails(ValueError("down")))
        user = new_test_user(self.env, "watching", "connector_framework.group_connector_user")
        for action in ("action_mute", "action_unmute", "action_resolve", "action_requeue"):
            with self.subTest(action=action), self.assertRaises(AccessError):
                getattr(incident.with_user(user), action)()
        self.assertEqual(incident.with_user(user).name, "ValueError: down")
        plain = new_test_user(self.env, "plain", "base.group_user")
        with self.assertRaises(AccessError):
            incident.with_user(plain).read(["name"])

    def test_any_text(self):
        """Text that PostgreSQL cannot hold loses no failure."""
        jobs = self.fails(ValueError("a\0b \ud83d"), ValueError(""))
        self.assertEqual(set(jobs.mapped("state")), {"failed"})
        self.assertTrue(all(job.incident_id for job in jobs))


@tagged("post_install", "-at_install", "transaction")
class TestReports(IncidentCase):
    def test_one_message(self):
        """It is reported when it opens; the next failures within the hour are not."""
        jobs = self.fails(ValueError("down"), ValueError("down"))
        incident = self.incident(jobs)
        self.assertEqual(self.messages(incident), 1)
        self.fails(*[ValueError("down")] * 3)
        self.assertEqual(self.messages(self.incident(jobs)), 1)

    def test_lasts(self):
        """After an hour, the next failure has it reported with the number of failures."""
        incident = self.incident(self.fails(ValueError("down")))
        self.later(incident, minutes=61)
        self.fails(*[ValueError("down")] * 3)
        self.env.invalidate_all()
        self.assertEqual(self.messages(incident), 2)

    def test_comes_back(self):
        """It is reported at once when it comes back, and at most twice an hour however often."""
        jobs = self.fails(ValueError("down"))
        for _time in range(4):
            self.fails(None)
            self.fails(ValueError("down"))
        incident = self.incident(jobs)
        self.assertEqual((incident.state, incident.count, self.messages(incident)), ("open", 5, 2))

    def test_muted(self):
        """A muted one counts and says nothing, until its time is over."""
        jobs = self.fails(ValueError("down"))
        incident = self.incident(jobs)
        incident.action_mute(fields.Datetime.now() + timedelta(days=1))
        self.later(incident, hours=2)
        self.fails(ValueError("down"))
        self.env.invalidate_all()
        self.assertEqual((incident.state, incident.count, self.messages(incident)), ("muted", 2, 1))
        self.env.cr.execute(
            "UPDATE connector_incident SET muted_until = now() AT TIME ZONE 'utc' - interval '1 minute' WHERE id = %s",
            [incident.id],
        )
        self.fails(ValueError("down"))
        self.env.invalidate_all()
        self.assertEqual((incident.state, incident.count, self.messages(incident)), ("open", 3, 2))

    def test_mute_in_the_past(self):
        """It cannot be muted until a time that is over."""
        incident = self.incident(self.fails(ValueError("down")))
        with self.assertRaises(UserError):
            incident.action_mute(fields.Datetime.now() - timedelta(days=1))

    def test_unmute(self):
        """It can be unmuted."""
        incident = self.incident(self.fails(ValueError("down")))
        incident.action_mute()
        incident.action_unmute()
        self.assertEqual(incident.state, "open")

    def test_responsible(self):
        """The responsible user of the settings follows it, and has one activity until it is over."""
        user = new_test_user(self.env, "responsible", "connector_framework.group_connector_manager")
        self.env["ir.config_parameter"].sudo().set_param("connector_framework.responsible_user_id", str(user.id))
        jobs = self.fails(ValueError("down"), ValueError("down"))
        incident = self.incident(jobs)
        self.assertEqual(incident.activity_ids.user_id, user)
        self.assertEqual(len(incident.activity_ids), 1)
        self.assertIn(user.partner_id, incident.message_partner_ids)
        with self.method(lambda records: None):
            incident.action_requeue()
            drain_jobs(self)
        self.env.invalidate_all()
        self.assertEqual((incident.state, len(incident.activity_ids)), ("resolved", 0))

    def test_activity_stays_with_failed_jobs(self):
        """Where later jobs succeed and some are still failed, the activity stays: they are to be looked at."""
        user = new_test_user(self.env, "responsible", "connector_framework.group_connector_manager")
        self.env["ir.config_parameter"].sudo().set_param("connector_framework.responsible_user_id", str(user.id))
        jobs = self.fails(ValueError("down"))
        self.fails(None)
        incident = self.incident(jobs)
        self.assertEqual((incident.state, incident.failed_count), ("resolved", 1))
        self.assertEqual(len(incident.activity_ids), 1)


@tagged("post_install", "-at_install", "transaction")
class TestActOnAll(IncidentCase):
    def dialog(self, domain, **values):
        return self.env["connector.job.bulk"].create({"domain": domain, **values})

    def test_counts_and_acts(self):
        """It says how many of a filter can be acted on, and acts on those."""
        jobs = self.fails(ValueError("down"), ValueError("down"), None)
        domain = [["id", "in", jobs.ids]]
        dialog = self.dialog(domain)
        self.assertEqual((dialog.requeue_count, dialog.cancel_count), (2, 2))
        dialog.action_requeue()
        self.assertEqual(jobs.mapped("state"), ["pending", "pending", "done"])

    def test_reason(self):
        """Cancelling and setting to done ask for a reason, which the jobs show."""
        jobs = self.fails(ValueError("down"))
        domain = [["id", "in", jobs.ids]]
        for action in ("action_cancel", "action_done"):
            with self.assertRaises(UserError):
                getattr(self.dialog(domain), action)()
        self.dialog(domain, reason="imported by hand").action_done()
        self.assertEqual((jobs.state, jobs.result), ("done", "imported by hand"))

    def test_many(self):
        """More than a slice is done by a job, slice by slice; its result says how many."""
        with self.method(lambda records: None):
            jobs = self.partner.as_job(eta=3600).map("probe", [()] * 2_500)
        self.dialog([["id", "in", jobs.ids]], reason="not wanted").action_cancel()
        self.assertEqual(jobs[0].state, "pending")
        bulk = self.env["connector.job"].search([("method_name", "=", "_act_in_slices")])
        drain_jobs(self)
        self.env.invalidate_all()
        self.assertEqual((bulk.state, bulk.result), ("done", "Jobs cancelled: 2500"))
        self.assertEqual(set(jobs.mapped("state")), {"cancelled"})
        self.assertEqual(set(jobs.mapped("result")), {"not wanted"})

    def test_not_those_that_come(self):
        """A requeued job that fails again meanwhile is not requeued again."""
        jobs = self.fails(*[ValueError("down")] * 2)
        self.env["connector.job"].as_job()._act_in_slices("requeue", [["id", "in", jobs.ids]], None)

        def probe(records):
            raise ValueError("down")

        with self.method(probe):
            drain_jobs(self)
        self.env.invalidate_all()
        self.assertEqual(set(jobs.mapped("state")), {"failed"})
        self.assertEqual(set(jobs.mapped("attempt")), {1})

    def test_rights(self):
        """It is for Connector Managers alone."""
        user = new_test_user(self.env, "watching", "connector_framework.group_connector_user")
        with self.assertRaises(AccessError):
            self.env["connector.job.bulk"].with_user(user).create({"domain": []})


@tagged("post_install", "-at_install", "transaction")
class TestSettings(FailureCase):
    def test_stored(self):
        """What people store in the database holds where the configuration file says nothing."""
        from ..monitoring.backends import settings_of
        from ..settings import Settings, with_stored

        form = self.env["res.config.settings"].create({"connector_threads": 7, "connector_lease_s": 45})
        form.execute()
        settings = settings_of(self.env)
        self.assertEqual((settings.threads, settings.lease_s), (7, 45))
        fixed = Settings(threads=2, fixed=frozenset({"threads"}))
        self.assertEqual(with_stored(fixed, [("threads", "7"), ("lease_s", "many"), ("processes", "9")]), fixed)

    def test_refused(self):
        """No threads are refused."""
        form = self.env["res.config.settings"].create({"connector_threads": 0})
        with self.assertRaises(UserError):
            form.execute()
