"""Imports and exports of real processes, which meet each other and are killed."""

from __future__ import annotations

import threading

from odoo.tests import tagged

from .common import wait_until
from .scaffold_case import ADDON, ScaffoldCase

MODEL = "my_shop.res.partner"
PARTNERS = "SELECT b.external_id, p.name FROM my_shop_res_partner b JOIN res_partner p ON p.id = b.odoo_id ORDER BY 1"


@tagged("post_install", "-at_install", "process")
class TestProcesses(ScaffoldCase):
    def setUp(self):
        super().setUp()
        if not self.sql("SELECT 1 FROM ir_module_module WHERE name = %s AND state = 'installed'", ADDON):
            self.install()
        self.peer = self.start_peer()
        self.release = threading.Event()
        self.addCleanup(self.release.set)
        self.shell(
            "env['my_shop.backend'].search([]).unlink()",
            f"values = {{'name': 'Shop', 'url': {self.peer.url!r}, 'api_key': {self.peer_key!r}}}",
            "env['my_shop.backend'].create(values)",
        ).check(self)

    def shell(self, *lines: str) -> Shell:
        """Run lines in an ``odoo shell`` and commit; ``backend`` and ``model`` are the connector's."""
        path = self.folder / f"{len(self._processes)}.py"
        head = [f"model = env[{MODEL!r}]", "backend = env['my_shop.backend'].search([])"]
        path.write_text("\n".join([*head, *lines, "env.cr.commit()"]) + "\n")
        with path.open("rb") as stdin:
            return Shell(self.spawn(*self.with_addon("shell", "-d", self.dbname, "--no-http"), stdin=stdin))

    def answer_once_released(self, verb: str, path: str = "contacts", number: int = 1) -> threading.Event:
        """Hold back an answer, the first by default, once it is done; return the event of that it was asked for."""
        asked, serve, seen = threading.Event(), self.peer._answer, []

        def answer(request):
            result = serve(request)
            if request.verb == verb and path in request.path and not asked.is_set():
                seen.append(request)
                if len(seen) < number:
                    return result
                asked.set()
                self.release.wait(60)
            return result

        self.peer._answer = answer
        return asked

    def test_two_processes_import_one_record(self):
        """While one process imports a record, another one is put off; it finds the record once that has committed."""
        self.peer.add(name="Ada")
        asked = self.answer_once_released("GET")
        line = "print('outcome', model.import_record(backend, '1'))"
        first = self.shell(line)
        self.assertTrue(asked.wait(60), self.logs())
        second = self.shell(line)
        second.check(self, "ConcurrentUpdateError", status=None)
        self.release.set()
        first.check(self, "outcome created")
        self.shell(line).check(self, "outcome unchanged")
        self.assertEqual(self.sql(PARTNERS), [("1", "Ada")])

    def test_killed_between_the_answer_and_the_commit(self):
        """A record whose creation was answered to a process that is dead is found, and not created again."""
        asked = self.answer_once_released("POST")
        self.shell("model.create({'backend_id': backend.id, 'name': 'Bob'})").check(self)
        job = "SELECT state, attempt, result FROM connector_job WHERE method_name = 'export_record'"
        self.assertEqual(self.sql(job), [("pending", 0, None)])
        worker = self.spawn(*self.with_addon("connector", "worker", "-d", self.dbname))
        self.assertTrue(asked.wait(60), self.logs())
        worker.kill()
        self.release.set()
        self.assertEqual([contact["name"] for contact in self.peer.contacts.values()], ["Bob"])
        self.assertEqual(self.sql(PARTNERS), [(None, "Bob")])
        self.spawn(*self.with_addon("connector", "worker", "-d", self.dbname))
        wait_until(lambda: self.sql(job)[0][0] == "done", 60, self.logs)
        self.assertEqual([contact["name"] for contact in self.peer.contacts.values()], ["Bob"])
        self.assertEqual(self.sql(PARTNERS), [("1", "Bob")])

    def test_killed_comparison(self):
        """A comparison whose worker is killed in the middle goes on, with the same result as one that was not."""
        for number in range(1, 181):
            self.peer.add(name=f"Contact {number}")
        self.shell("print(model.import_records(backend, [str(i) for i in range(1, 181)]))").check(self, "180 created")
        for number in (5, 65, 175):
            self.peer.contacts[number]["name"] = "Changed there"
            del self.peer.contacts[number + 1]
        self.peer.add(name="New there")
        compare = f"env['connector.comparison'].compare(backend, {MODEL!r})"
        self.shell(compare).check(self)
        asked = self.answer_once_released("GET", "ids=", 3)
        worker = self.spawn(*self.with_addon("connector", "worker", "-d", self.dbname))
        self.assertTrue(asked.wait(60), self.logs())
        states = "SELECT state, count_read FROM connector_comparison ORDER BY id"
        wait_until(lambda: self.sql(states) == [("running", 100)], 30, lambda: str(self.sql(states)))
        worker.kill()
        self.release.set()
        self.spawn(*self.with_addon("connector", "worker", "-d", self.dbname))
        wait_until(lambda: self.sql(states)[0][0] == "done", 60, self.logs)
        self.shell(compare).check(self)
        wait_until(lambda: self.sql(states)[1][0] == "done", 60, self.logs)
        lines = "SELECT kind, external_id FROM connector_comparison_line WHERE comparison_id = %s ORDER BY 1, 2"
        killed, whole = (self.sql(lines, one) for (one,) in self.sql("SELECT id FROM connector_comparison ORDER BY id"))
        self.assertEqual(killed, whole)
        self.assertEqual(len(killed), 7)
        counts = "SELECT DISTINCT count_in_step, count_different FROM connector_comparison"
        self.assertEqual(self.sql(counts), [(174, 3)])


class Shell:
    """A shell that runs."""

    def __init__(self, process):
        self.process = process

    def check(self, case, text: str = "", status: int | None = 0) -> None:
        """Wait for its end; check what it printed and, unless that is None, its exit code."""
        code = self.process.wait(120)
        log = self.process.log.read_text(errors="replace")
        case.assertIn(text, log)
        if status is not None:
            case.assertEqual(code, status, log[-3000:])
