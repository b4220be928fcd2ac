"""External ids are looked up in bulk, in the database."""

from odoo.fields import Command
from odoo.tests import tagged

from ..mappings import ExportMapper, ImportMapper, external_to_m2m, external_to_m2o, m2m_to_external, m2o_to_external
from .mappings_models import RecordCase


class PartnerImport(ImportMapper):
    _apply_on = "mapping.test.partner"
    direct = [(external_to_m2o("group"), "group_id"), (external_to_m2m("groups"), "category_id")]
    children = [("addresses", "address_ids", "mapping.test.address")]


class AddressImport(ImportMapper):
    _apply_on = "mapping.test.address"
    direct = [("id", "external_id"), (external_to_m2o("company", binding="mapping.test.partner"), "parent_id")]


class PartnerExport(ExportMapper):
    _apply_on = "mapping.test.partner"
    direct = [
        (m2o_to_external("parent_id", binding="mapping.test.partner"), "company"),
        (m2m_to_external("category_id"), "groups"),
    ]
    children = [("address_ids", "addresses", "mapping.test.address")]


class AddressExport(ExportMapper):
    _apply_on = "mapping.test.address"
    direct = [(m2o_to_external("parent_id", binding="mapping.test.partner"), "company")]


@tagged("post_install", "-at_install", "transaction")
class TestMappingsLookups(RecordCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        numbers = [str(number) for number in range(8)]
        cls.categories = cls.env["mapping.test.category"].create(
            [{"backend_id": cls.backend.id, "external_id": number, "name": number} for number in numbers]
        )
        cls.companies = cls.env["mapping.test.partner"].create(
            [{"backend_id": cls.backend.id, "external_id": number, "name": number} for number in numbers]
        )

    def warm(self, mapper, *sources):
        """Let what is found once per session be found, and nothing be cached that belongs to records."""
        mapper.map_many(sources)
        self.env.flush_all()
        self.env.invalidate_all()

    def test_records(self):
        """`map_many` looks up the ids of a field in one query, however many records there are."""
        mapper = self.mapper(PartnerImport, AddressImport)
        self.warm(mapper, {"group": 0}, {"group": 1})
        with self.assertQueryCount(1):
            values = mapper.map_many([{"group": number % 8} for number in range(100)])
        self.assertEqual([value["group_id"] for value in values[:8]], self.categories.ids)

    def test_children(self):
        """The children's ids are looked up in one query, those of a record alone and those of many."""
        mapper = self.mapper(PartnerImport, AddressImport)
        source = {"addresses": [{"id": number, "company": number} for number in range(8)]}
        self.warm(mapper, source)
        with self.assertQueryCount(2):  # The bindings, and what they are bound to.
            (values,) = mapper.map_many([source])
        expected = self.companies.odoo_id.ids
        self.assertEqual([line["parent_id"] for _, _, line in values["address_ids"]], expected)
        self.env.invalidate_all()
        with self.assertQueryCount(2):
            self.assertEqual(mapper.map_record(source).values(), values)
        self.env.invalidate_all()
        with self.assertQueryCount(2):
            many = mapper.map_many([{"addresses": [{"company": number}]} for number in range(8)])
        self.assertEqual([value["address_ids"][0][2]["parent_id"] for value in many], expected)

    def test_many2many(self):
        """The ids of a many2many are looked up in one query, with or without other records."""
        mapper = self.mapper(PartnerImport, AddressImport)
        self.warm(mapper, {"groups": ["0", "1"]})
        source = {"groups": [str(number) for number in range(8)]}
        expected = {"category_id": [Command.set(self.categories.odoo_id.ids)]}
        with self.assertQueryCount(2):
            self.assertEqual(mapper.map_record(source).values(), expected)
        self.env.invalidate_all()
        with self.assertQueryCount(2):
            self.assertEqual(mapper.map_many([source, {"groups": ["3"]}])[0], expected)

    def test_prefetch(self):
        """Inside `prefetch`, records that are mapped one by one find their ids; after it they look again."""
        mapper = self.mapper(PartnerImport, AddressImport)
        sources = [{"group": number} for number in range(8)]
        self.warm(mapper, *sources)
        with mapper.prefetch(sources):
            with self.assertQueryCount(0):
                values = [mapper.map_record(source).values()["group_id"] for source in sources]
            self.assertEqual(values, self.categories.ids)
        self.categories[0].external_id = "new"
        self.assertEqual(mapper.map_record({"group": "new"}).values(), {"group_id": self.categories[0].id})

    def test_once(self):
        """A lookup of a method is made once while `prefetch` is on, and each time otherwise."""
        mapper, calls = self.mapper(PartnerImport, AddressImport), []
        with mapper.prefetch([{"group": 1}]):
            for key in ("a", "a", "b"):
                self.assertEqual(mapper.once(key, lambda key=key: calls.append(key)), None)
        self.assertEqual(calls, ["a", "b"])
        mapper.once("a", lambda: calls.append("again"))
        self.assertEqual(calls, ["a", "b", "again"])

    def test_export(self):
        """The external ids of what records and their lines refer to are looked up in one query a field."""
        partners = self.env["mapping.test.partner"].create(
            [
                {
                    "backend_id": self.backend.id,
                    "name": "x",
                    "parent_id": company.id,
                    "category_id": [Command.set(self.categories.odoo_id.ids)],
                    "address_ids": [Command.create({"name": "y", "parent_id": company.id})],
                }
                for company in self.companies.odoo_id
            ]
        )
        mapper = self.mapper(PartnerExport, AddressExport)
        self.warm(mapper, *partners)
        values = []

        def count(number):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            values[:] = mapper.map_many(self.env["mapping.test.partner"].browse(partners.ids[:number]))
            return self.env.cr.sql_log_count - before

        few, many = count(2), count(8)
        self.assertEqual(few, many)
        numbers = [str(number) for number in range(8)]
        self.assertEqual([value["company"] for value in values], numbers)
        self.assertEqual([value["addresses"] for value in values], [[{"company": number}] for number in numbers])
        self.assertEqual(sorted(values[0]["groups"]), numbers)
