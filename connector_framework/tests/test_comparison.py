"""What a comparison finds, and what it leaves alone."""

from __future__ import annotations

from unittest.mock import patch

from odoo.fields import Command
from odoo.tests import tagged

from ..adapters import Adapter
from ..comparison import Comparer
from ..exceptions import ExternalNotFoundError, MappingError, NetworkError, PermanentError, SkipError
from ..mappings import ImportMapper, mapping
from ..synchronizers import Importer
from .common import make_due
from .comparison_common import ComparisonCase
from .model_factory import example
from .synchronizers_common import PartnerImportMapper, WorldAdapter


@tagged("post_install", "-at_install", "transaction")
class TestComparison(ComparisonCase):
    def test_in_step(self):
        """Where both sides are the same there is a count and no line; the job says so."""
        comparison = self.compare()
        self.assert_done(comparison)
        self.assertEqual(self.counts(comparison), (12, 0, 0, 0, 0))
        self.assertFalse(comparison.line_ids)
        self.assertFalse(self.env["connector.comparison.note"].search([]))
        self.assertIn("12", self.env["connector.job"].browse(comparison.job_id).result)

    def test_each_fault_is_found(self):
        """Each kind of fault is found, and no other one; nothing but the result is written."""
        backend_id = self.backend.id
        self.world.put("test.partner", 101, name="New there", email="new@example.com")
        self.world.put("test.partner", 102, name="Partner 1", email="p1@example.com")  # made twice there
        del self.world.records["test.partner"]["2"]
        self.outside(3)["email"] = "changed@there"
        self.binding(4).odoo_id.name = "Changed here"
        swapped = self.binding(5) | self.binding(6)
        first, second = (binding.odoo_id.id for binding in swapped)
        swapped[0].odoo_id, swapped[1].odoo_id = second, first
        del self.world.records["test.partner"]["7"]
        self.import_record("7")
        self.binding(8).unlink()
        copy = self.binding(9).odoo_id.copy({"name": "Copy"})
        self.partners.with_context(connector_no_events=True).create(
            {"backend_id": backend_id, "external_id": "900", "odoo_id": copy.id}
        )
        waiting = self.bind(name="Never sent")
        before = self.content()
        comparison = self.compare()
        self.assert_done(comparison)
        self.assertEqual(
            self.lines(comparison),
            {
                ("missing_here", "101"),
                ("missing_here", "102"),
                ("missing_here", "8"),
                ("missing_there", "2"),
                ("missing_there", "7"),
                ("missing_there", "900"),
                ("missing_there", False),
                ("different", "3", "email"),
                ("different", "4", "name"),
                ("different", "5", "name"),
                ("different", "6", "name"),
            },
        )
        self.assertEqual(self.counts(comparison), (5, 3, 4, 4, 0))
        self.assertEqual(self.content(), before)
        by_id = {line.external_id: line for line in comparison.line_ids}
        self.assertEqual(by_id["3"].differences, {"email": {"odoo": "p3@example.com", "external": "changed@there"}})
        self.assertEqual(by_id["3"].changed_last, "external")
        self.assertEqual((by_id["3"].binding_model, by_id["3"].binding_id), ("test.partner", self.binding(3).id))
        self.assertEqual(by_id[False].binding_id, waiting.id)
        self.assertFalse(self.world.made("create", "write", "delete"))

    def content(self):
        """Return all that is stored of bindings and partners."""
        self.env.flush_all()
        self.env.cr.execute("SELECT * FROM test_partner ORDER BY id")
        bindings = self.env.cr.fetchall()
        self.env.cr.execute("SELECT * FROM res_partner ORDER BY id")
        return bindings, self.env.cr.fetchall()

    def test_reads_the_other_side_once(self):
        """What is in step is read once; what differs once more."""
        self.outside(3)["name"] = "Other"
        self.compare()
        # Three pages; as their cursors are offsets, the one before is looked at again twice.
        self.assertEqual(len(self.world.made("search")), 5)
        self.assertEqual(len(self.world.made("read")), 13)

    def test_changed_last_here(self):
        """A record that was written after the last import was changed here last."""
        binding = self.binding(4)
        binding.odoo_id.name = "Changed here"
        self.env.flush_all()
        self.env.cr.execute("UPDATE test_partner SET sync_date = sync_date - interval '1 hour'")
        self.env.invalidate_all()
        line = self.compare().line_ids
        self.assertEqual(line.changed_last, "odoo")

    def test_origin_of_a_value(self):
        """A line says which key of the source and which class gives the external value."""
        self.outside(3)["email"] = "changed@there"
        line = self.compare().line_ids
        origin = line.origins["email"]
        self.assertEqual((origin["source"], origin["class"]), ("email", "PartnerImportMapper"))
        self.assertIn("PartnerImportMapper", line.origins_text)
        self.assertIn("p3@example.com here, changed@there there", line.differences_text)

    def test_not_comparable(self):
        """What cannot be mapped, read or imported is told apart, with the reason; the others are compared."""

        class BadMapper(PartnerImportMapper):
            @mapping
            def checked(self, record):
                if record["name"] == "Partner 2":
                    raise ValueError("no such thing")
                return {}

        class PickyImporter(Importer):
            _apply_on = "test.partner"

            def _check_importable(self, record):
                if record["name"] == "Partner 3":
                    raise SkipError("not this one")

        example.register(BadMapper, replacing=PartnerImportMapper)
        self.addCleanup(example.unregister, BadMapper)
        self.register(PickyImporter)

        def before(method, model, *args):
            if method == "read" and args[0] == "4":
                raise PermanentError("this one is broken")

        self.world.before = before
        comparison = self.compare()
        self.assert_done(comparison)
        self.assertEqual(self.counts(comparison), (9, 0, 0, 0, 3))
        reasons = {line.external_id: line.reason for line in comparison.line_ids}
        self.assertIn("no such thing", reasons["2"])
        self.assertEqual(reasons["3"], "not this one")
        self.assertIn("this one is broken", reasons["4"])

    def test_missing_dependency(self):
        """A record whose reference is not imported cannot be compared."""
        self.world.put("test.tag", 1, name="Tag", parent=None)
        self.import_record("1", model="test.tag")
        self.world.put("test.tag", 1, name="Tag", parent="77")
        comparison = self.compare("test.tag")
        self.assertEqual(self.counts(comparison), (0, 0, 0, 0, 1))
        self.assertIn("77", comparison.line_ids.reason)

    def test_what_the_model_makes_of_a_value(self):
        """A value that the model changes as it is written is no difference: an import would change nothing."""

        class WebsiteMapper(PartnerImportMapper):
            direct = [("site", "website")]

        example.register(WebsiteMapper, replacing=PartnerImportMapper)
        self.addCleanup(example.unregister, WebsiteMapper)
        self.outside(1)["site"] = "www.example.com"
        self.outside(2)["site"] = "www.example.org"
        self.import_record("1")
        self.assertEqual(self.binding(1).website, "http://www.example.com")
        comparison = self.compare()
        self.assertEqual(self.lines(comparison), {("different", "2", "website")})
        self.assertEqual(comparison.line_ids.differences["website"]["external"], "http://www.example.org")

    def test_what_the_importer_does_not_write(self):
        """What the importer leaves out of a write is no difference."""

        class KeepingImporter(Importer):
            _apply_on = "test.partner"

            def _update(self, binding, values):
                super()._update(binding, {name: value for name, value in values.items() if name != "email"})

        self.register(KeepingImporter)
        self.outside(1)["email"] = "ignored@example.com"
        self.outside(2)["name"] = "Other"
        self.assertEqual(self.lines(self.compare()), {("different", "2", "name")})

    def test_not_compared(self):
        """A connector can leave fields out."""

        class OwnComparer(Comparer):
            _apply_on = "test.partner"
            not_compared = ("email",)

        self.register(OwnComparer)
        self.outside(1)["email"] = "ignored@example.com"
        self.assertEqual(self.counts(self.compare()), (12, 0, 0, 0, 0))

    def test_volatile_keys(self):
        """A field that comes from a key which does not count as a change is not compared."""

        class VolatileImporter(Importer):
            _apply_on = "test.partner"
            volatile_keys = ("email",)

        self.register(VolatileImporter)
        self.outside(1)["email"] = "ignored@example.com"
        self.outside(2)["name"] = "Other"
        self.assertEqual(self.lines(self.compare()), {("different", "2", "name")})

    def test_lines(self):
        """Lines of a record are compared one by one: changed, new and gone ones."""

        class PartnerWithAddresses(PartnerImportMapper):
            children = [("addresses", "address_ids", "test.address")]

        class AddressMapper(ImportMapper):
            _apply_on = "test.address"
            direct = [("id", "external_id"), ("name", "name"), ("city", "city")]

        example.register(PartnerWithAddresses, replacing=PartnerImportMapper)
        self.addCleanup(example.unregister, PartnerWithAddresses)
        self.register(AddressMapper)
        for number in range(1, self.count + 1):
            self.outside(number)["addresses"] = [
                {"id": 10 * number + one, "name": f"Address {one}", "city": "Bern"} for one in (1, 2)
            ]
        self.partners.import_records(self.backend, [str(number) for number in range(1, self.count + 1)])
        self.assertEqual(self.counts(self.compare()), (12, 0, 0, 0, 0))
        self.outside(1)["addresses"][0]["city"] = "Basel"
        self.outside(2)["addresses"].pop()
        self.outside(3)["addresses"].append({"id": 39, "name": "Third", "city": "Chur"})
        self.binding(4).address_ids[0].city = "Changed here"
        comparison = self.compare()
        self.assertEqual({line.external_id for line in comparison.line_ids}, {"1", "2", "3", "4"})
        first = comparison.line_ids.filtered(lambda line: line.external_id == "1")
        self.assertEqual(first.differences, {"address_ids[11].city": {"odoo": "Bern", "external": "Basel"}})
        self.assertEqual(len(self.binding(3).address_ids), 2)

    def test_many2many(self):
        """A list of records is the same if the records are, whatever the commands."""
        tags = self.env["res.partner.category"].create([{"name": "A"}, {"name": "B"}])

        class TaggedMapper(PartnerImportMapper):
            @mapping
            def tags(self, record):
                return {"category_id": [Command.link(tags[0].id), Command.unlink(tags[1].id)]}

        example.register(TaggedMapper, replacing=PartnerImportMapper)
        self.addCleanup(example.unregister, TaggedMapper)
        self.partners.import_records(self.backend, [str(number) for number in range(1, self.count + 1)], force=True)
        self.assertEqual(self.counts(self.compare()), (12, 0, 0, 0, 0))
        self.binding(1).category_id = tags
        self.binding(2).category_id = False
        comparison = self.compare()
        self.assertEqual(self.lines(comparison), {("different", "1", "category_id"), ("different", "2", "category_id")})
        first = comparison.line_ids.filtered(lambda line: line.external_id == "1")
        self.assertEqual(first.differences["category_id"]["external"], "A")

    def test_composite_key(self):
        """Bindings whose key the record completes are found, and the faults among them."""
        self.world.put("test.website", 1, name="One")
        self.import_record("1", model="test.website")
        for number in range(1, 4):
            self.world.put("test.customer", number, name=f"Customer {number}", website="1")
            self.import_record(str(number), model="test.customer")
        self.assertEqual(self.counts(self.compare("test.customer")), (3, 0, 0, 0, 0))
        self.world.put("test.customer", 1, name="Other", website="1")
        del self.world.records["test.customer"]["2"]
        self.world.put("test.customer", 4, name="New", website="1")
        comparison = self.compare("test.customer")
        self.assertEqual(self.counts(comparison), (1, 1, 1, 1, 0))

    def test_filters(self):
        """With filters only what they let through is compared, and nothing is called missing there."""
        self.outside(1).update(name="Other", updated_at="2030")
        self.outside(2)["name"] = "Other"
        for number in range(2, self.count + 1):
            self.outside(number)["updated_at"] = "2020"
        comparison = self.compare(filters={"since": "2025"})
        self.assertEqual(self.counts(comparison), (0, 0, 0, 1, 0))

    def test_archived(self):
        """What is archived here is not missing here."""
        self.binding(1).odoo_id.active = False
        self.assertEqual(self.counts(self.compare()), (12, 0, 0, 0, 0))

    def test_other_backends(self):
        """Bindings of other backends play no part."""
        self.bind("1", backend=self.other_backend, name="Elsewhere")
        self.bind("77", backend=self.other_backend, name="Elsewhere")
        self.assertEqual(self.counts(self.compare()), (12, 0, 0, 0, 0))

    def test_no_consumer_hears_of_it(self):
        """Nothing is exported because a comparison has tried something."""
        self.outside(1)["name"] = "Other"
        self.compare()
        self.assertFalse(self.env["connector.job"].search([("method_name", "!=", "_run")]))

    def test_outage(self):
        """While the other system does not answer, nothing is called missing: the job is tried again."""
        fails = [True]

        def before(method, model, *args):
            if method == "read" and args[0] == "8" and fails[0]:
                raise NetworkError("away")

        self.world.before = before
        comparison = self.compare()
        self.assertEqual(comparison.state, "running")
        self.assertFalse(comparison.line_ids)
        fails[0] = False
        make_due(self.env["connector.job"].browse(comparison.job_id))
        self.run_jobs()
        self.assertEqual(self.counts(comparison), (12, 0, 0, 0, 0))

    def test_no_search(self):
        """Where the adapter cannot search, the comparison fails and says so."""
        with patch.object(WorldAdapter, "search", Adapter.search):
            comparison = self.compare()
        self.assertEqual(comparison.state, "failed")
        self.assertIn("search", comparison.error)

    def test_wrong_model(self):
        """What is no binding model of the backend is refused at once."""
        with self.assertRaisesRegex(ValueError, "res.partner is no binding model"):
            self.env["connector.comparison"].compare(self.backend, "res.partner")

    def test_gone_between(self):
        """A record that disappears between page and read, and is not here, is nobody's difference."""
        self.world.put("test.partner", 50, name="Short", email="x")

        def before(method, model, *args):
            if method == "read" and args[0] == "50":
                raise ExternalNotFoundError("gone")

        self.world.before = before
        self.assertEqual(self.counts(self.compare()), (12, 0, 0, 0, 0))

    def test_invalid_values(self):
        """An import that would be refused is a difference, and the reason is told."""

        class StrictImporter(Importer):
            _apply_on = "test.partner"

            def _update(self, binding, values):
                raise MappingError({"name": "is not good"})

        self.register(StrictImporter)
        self.outside(1)["name"] = "Bad"
        line = self.compare().line_ids
        self.assertEqual((line.kind, list(line.differences)), ("different", ["name"]))
        self.assertIn("is not good", line.reason)

    def test_sends_nothing(self):
        """What an importer would send during an update is not sent, by a verb or by a call of its own."""

        class Acknowledging(Importer):
            _apply_on = "test.partner"

            def _update(self, binding, values):
                self.adapter.write(self.external_id, {"seen": True})
                self.adapter.acknowledge(self.external_id)
                super()._update(binding, values)

        class AcknowledgingAdapter(WorldAdapter):
            _apply_on = "test.partner"

            def acknowledge(self, external_id):
                super().write(external_id, {"acknowledged": True})

        self.register(Acknowledging)
        example.register(AcknowledgingAdapter, replacing=WorldAdapter)
        self.addCleanup(example.unregister, AcknowledgingAdapter)
        self.outside(1)["name"] = "Other"
        before = dict(self.outside(1))
        comparison = self.compare()
        self.assertEqual(self.lines(comparison), {("different", "1", "name")})
        self.assertFalse(comparison.line_ids.reason)
        self.assertEqual(self.outside(1), before)
        self.assertNotIn("write", [method for method, *_rest in self.world.calls])
