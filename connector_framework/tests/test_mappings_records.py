"""Mappers on records of Odoo."""

from odoo.fields import Command
from odoo.tests import tagged

from ..exceptions import ConfigurationError, DependencyMissingError, MappingError
from ..mappings import (
    ExportMapper,
    ImportMapper,
    code_to_m2o,
    convert,
    default,
    external_to_m2m,
    external_to_m2o,
    follow_m2o,
    m2m_to_external,
    m2o_to_external,
    mapping,
    none,
    only_create,
)
from .mappings_models import RecordCase


class PartnerImport(ImportMapper):
    _apply_on = "mapping.test.partner"

    direct = [
        ("id", "external_id"),
        ("name", "name"),
        ("address.city", "city"),
        (code_to_m2o("address.country"), "country_id"),
        (external_to_m2o("group"), "group_id"),
        (external_to_m2m("groups"), "category_id"),
        (external_to_m2o("company", binding="mapping.test.partner"), "parent_id"),
        (convert("rank", int), "rank"),
    ]
    children = [("addresses", "address_ids", "mapping.test.address")]


class AddressImport(ImportMapper):
    _apply_on = "mapping.test.address"

    direct = [("id", "external_id"), ("street", "street")]

    @only_create
    @mapping
    def name(self, record):
        return {"name": f"Address of {self.current.parent.source['name']}"}


class PartnerExport(ExportMapper):
    _apply_on = "mapping.test.partner"

    direct = [
        ("external_id", "id"),
        ("name", "name"),
        ("country_id.code", "country"),
        (m2o_to_external("group_id"), "group"),
        (m2m_to_external("category_id"), "groups"),
        (m2o_to_external("parent_id", binding="mapping.test.partner"), "company"),
        (convert("rank", str), "rank"),
    ]
    children = [("address_ids", "addresses", "mapping.test.address")]

    @mapping
    def address(self, record):
        return {"address": {"city": record.city or None, "country": record.country_id.code or None}}


class AddressExport(ExportMapper):
    _apply_on = "mapping.test.address"

    direct = [("external_id", "id"), ("street", "street")]


class MappedCase(RecordCase):
    def category(self, external_id, **values):
        return self.env["mapping.test.category"].create(
            {"backend_id": self.backend.id, "external_id": external_id, "name": f"Category {external_id}", **values}
        )

    def partner(self, external_id, **values):
        return self.env["mapping.test.partner"].create(
            {"backend_id": self.backend.id, "external_id": external_id, "name": f"Partner {external_id}", **values}
        )


@tagged("post_install", "-at_install", "transaction")
class TestMappingsRecordImport(MappedCase):
    def test_create_and_update(self):
        """The values create and update records, links and lines included."""
        categories = self.category("0") | self.category("1")
        company = self.partner("100")
        mapper = self.mapper(PartnerImport, AddressImport)
        source = {
            "id": 1,
            "name": "Ada",
            "address": {"city": "London", "country": "GB"},
            "group": 0,
            "groups": ["0", "1"],
            "company": "100",
            "rank": "3",
            "addresses": [{"id": 11, "street": "A"}, {"id": 12, "street": "B"}],
        }
        values = mapper.map_record(source).values(for_create=True)
        partner = self.env["mapping.test.partner"].create({**values, "backend_id": self.backend.id})
        self.assertEqual(partner.group_id, categories[0], "a field to a binding model holds the binding")
        self.assertEqual(partner.category_id, categories.odoo_id, "a field to a model of Odoo holds the record")
        self.assertEqual(partner.parent_id, company.odoo_id)
        self.assertEqual((partner.country_id.code, partner.city, partner.rank), ("GB", "London", 3))
        first, second = partner.address_ids.sorted("external_id")
        self.assertEqual((first.external_id, first.street, first.name), ("11", "A", "Address of Ada"))

        source.update(
            name="Eve", group=None, groups=[], addresses=[{"id": "12", "street": "C"}, {"id": 13, "street": "D"}]
        )
        second.active = False
        partner.write(mapper.map_record(source).values(binding=partner))
        self.assertFalse(partner.group_id or partner.category_id)
        self.assertFalse(first.exists())
        lines = partner.with_context(active_test=False).address_ids.sorted("external_id")
        self.assertEqual(lines.mapped("external_id"), ["12", "13"])
        self.assertEqual(lines[0], second, "an archived line is recognised")
        self.assertEqual(lines.mapped("street"), ["C", "D"])
        self.assertEqual(lines.mapped("name"), ["Address of Ada", "Address of Eve"])

    def test_lines_and_tags(self):
        """A line that goes and tags of the record that change do not get into each other's way."""
        tags = self.category("1") | self.category("2")
        mapper = self.mapper(PartnerImport, AddressImport)
        source = {"id": 1, "name": "Ada", "groups": [1], "addresses": [{"id": 11}, {"id": 12}]}
        partner = self.env["mapping.test.partner"].create(
            {**mapper.map_record(source).values(for_create=True), "backend_id": self.backend.id}
        )
        source.update(groups=[2], addresses=[{"id": 12}])
        partner.write(mapper.map_record(source).values(binding=partner))
        self.assertEqual(partner.category_id, tags[1].odoo_id)
        self.assertEqual(partner.address_ids.mapped("external_id"), ["12"])

    def test_no_change_no_line(self):
        """The same source again creates and deletes no line."""
        mapper = self.mapper(PartnerImport, AddressImport)
        source = {"id": 1, "name": "Ada", "addresses": [{"id": 11, "street": "A"}]}
        partner = self.env["mapping.test.partner"].create(
            {**mapper.map_record(source).values(for_create=True), "backend_id": self.backend.id}
        )
        commands = mapper.map_record(source).values(binding=partner)["address_ids"]
        self.assertEqual(commands, [Command.update(partner.address_ids.id, {"external_id": 11, "street": "A"})])

    def test_unbound(self):
        """A reference to what is not bound yet is a missing dependency."""
        with self.assertRaisesRegex(DependencyMissingError, r"mapping\.test\.category.*77"):
            self.mapper(PartnerImport, AddressImport).map_record({"group": 77}).values()

    def test_several_binding_models(self):
        """A model with several binding models of the backend needs `binding=`."""

        class Mapper(ImportMapper):
            _apply_on = "mapping.test.partner"
            direct = [(external_to_m2o("company"), "parent_id")]

        with self.assertRaisesRegex(ConfigurationError, r"mapping\.test\.address, mapping\.test\.partner"):
            self.mapper(Mapper).map_record({"company": "100"}).values()

    def test_code(self):
        """A code finds the record, archived or not; an unknown one is an error of the field."""

        class Mapper(ImportMapper):
            _apply_on = "mapping.test.partner"
            direct = [(code_to_m2o("country"), "country_id"), (code_to_m2o("lang", "name"), "title")]

        class Currency(ImportMapper):
            _apply_on = "res.country"
            direct = [(code_to_m2o("currency", "name"), "currency_id")]

        currency = self.env["res.currency"].with_context(active_test=False).search([("active", "=", False)], limit=1)
        self.assertEqual(
            self.mapper(Currency).map_record({"currency": currency.name}).values(), {"currency_id": currency.id}
        )
        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.map_record({"country": ""}).values(), {"country_id": False})
        with self.assertRaisesRegex(MappingError, "country_id: .*no record of res.country with code 'XX'"):
            mapper.map_record({"country": "XX"}).values()

    def test_translations(self):
        """Values of translatable fields per language can be written in that language."""
        self.env["res.lang"]._activate_lang("fr_FR")

        class CategoryImport(ImportMapper):
            _apply_on = "mapping.test.category"
            direct = [("id", "external_id"), ("name", "name"), ("color", "color")]

        category = self.category("1", name="Chair")
        by_lang = self.mapper(CategoryImport).translations({"fr_FR": {"id": 1, "name": "Chaise", "color": 3}})
        self.assertEqual(by_lang, {"fr_FR": {"name": "Chaise"}})
        for lang, values in by_lang.items():
            category.with_context(lang=lang).write(values)
        self.assertEqual(category.with_context(lang="en_US").name, "Chair")
        self.assertEqual(category.with_context(lang="fr_FR").name, "Chaise")


@tagged("post_install", "-at_install", "transaction")
class TestMappingsRecordExport(MappedCase):
    def test_record(self):
        """A record is exported with what it links to and its lines."""
        category = self.category("5")
        company = self.partner("100")
        partner = self.partner(
            "1",
            name="Ada",
            country_id=self.env.ref("base.uk").id,
            group_id=category.id,
            category_id=[Command.set(category.odoo_id.ids)],
            parent_id=company.odoo_id.id,
            rank=0,
            city="London",
            address_ids=[Command.create({"external_id": "11", "name": "x", "street": "A"})],
        )
        self.assertEqual(
            self.mapper(PartnerExport, AddressExport).map_record(partner).values(),
            {
                "id": "1",
                "name": "Ada",
                "country": "GB",
                "group": "5",
                "groups": ["5"],
                "company": "100",
                "rank": "0",
                "addresses": [{"id": "11", "street": "A"}],
                "address": {"city": "London", "country": "GB"},
            },
        )

    def test_empty(self):
        """An empty field is False, and None to a modifier; so is what an empty many2one leads to."""

        class Mapper(ExportMapper):
            _apply_on = "mapping.test.partner"
            direct = [
                ("city", "city"),
                ("country_id.code", "country"),
                ("country_id.currency_id.name", "currency"),
                (none("city"), "none"),
                (convert("city", str), "text"),
                (default("city", "nowhere"), "default"),
                (follow_m2o("country_id.code"), "followed"),
                (convert("country_id.phone_code", str), "phone"),
                (m2o_to_external("group_id"), "group"),
                ("is_company", "flag"),
                (convert("is_company", int), "number"),
                (convert("active", str), "active"),
                ("rank", "rank"),
            ]

        values = self.mapper(Mapper).map_record(self.partner("1")).values()
        expected = {
            "city": False,
            "country": False,
            "currency": False,
            "none": None,
            "text": None,
            "default": "nowhere",
            "followed": None,
            "phone": None,
            "group": None,
            "flag": False,
            "number": 0,
            "active": "True",
            "rank": 0,
        }
        self.assertEqual(values, expected)
        for name, value in expected.items():
            self.assertEqual(values[name] is None, value is None, name)

    def test_fields(self):
        """Names of changed fields select what to export, through many2ones by their root."""
        mapper = self.mapper(PartnerExport, AddressExport)
        partner = self.partner("1", country_id=self.env.ref("base.uk").id)
        values = mapper.map_record(partner).values(fields=["country_id"])
        self.assertEqual(values, {"country": "GB", "address": {"city": None, "country": "GB"}})
        self.assertIn("country_id", mapper.source_fields())

    def test_unbound(self):
        """A link to what has no external id yet is a missing dependency."""
        partner = self.partner("1", group_id=self.category(False).id)
        with self.assertRaisesRegex(DependencyMissingError, r"mapping\.test\.category"):
            self.mapper(PartnerExport, AddressExport).map_record(partner).values()
        parent = self.env["res.partner"].create({"name": "Not bound"})
        partner = self.partner("2", parent_id=parent.id)
        with self.assertRaisesRegex(DependencyMissingError, r"res\.partner"):
            self.mapper(PartnerExport, AddressExport).map_record(partner).values()

    def test_plain_relation(self):
        """A relation as it is, and a field that does not exist, are errors of their targets."""

        class Mapper(ExportMapper):
            _apply_on = "mapping.test.partner"
            direct = [
                ("country_id", "country"),
                ("category_id.name", "names"),
                (m2o_to_external("category_id"), "tag"),
                (m2o_to_external("name"), "text"),
                ("nonsense", "x"),
                ("name", "name"),
            ]

        partner = self.partner("1", category_id=[Command.create({"name": "a"}), Command.create({"name": "b"})])
        with self.assertRaises(MappingError) as caught:
            self.mapper(Mapper).map_record(partner).values()
        errors = caught.exception.field_errors
        self.assertEqual(set(errors), {"country", "names", "tag", "text", "x"})
        self.assertIn("m2o_to_external", errors["country"])
        self.assertIn("mapping.test.partner has no field 'nonsense'", errors["x"])

    def test_one_record(self):
        """A source is one record; nothing and several are refused at once."""
        mapper = self.mapper(PartnerExport, AddressExport)
        for records in (self.env["mapping.test.partner"], self.partner("1") | self.partner("2")):
            with self.assertRaises(ValueError):
                mapper.map_record(records)

    def test_merge_and_split(self):
        """Two records become one dict, one record becomes two."""

        class Merge(ExportMapper):
            _apply_on = "mapping.test.partner"
            sources = ("person", "company")
            direct = [
                ("person.name", "name"),
                ("company.name", "employer"),
                (m2o_to_external("person.group_id"), "group"),
            ]

        class Split(ExportMapper):
            _apply_on = "mapping.test.address"
            targets = ("customer", "address")
            direct = [("owner_id.name", "customer.name"), ("street", "address.street")]

        person = self.partner("1", name="Ada", group_id=self.category("5").id)
        company = self.partner("2", name="Engines")
        values = self.mapper(Merge).map_record({"person": person, "company": company}).values()
        self.assertEqual(values, {"name": "Ada", "employer": "Engines", "group": "5"})
        self.assertEqual(
            self.mapper(Merge).map_record({"person": person, "company": None}).values(fields=["company.name"]),
            {"employer": None},
        )
        address = self.env["mapping.test.address"].create({"owner_id": person.id, "name": "x", "street": "A"})
        self.assertEqual(
            self.mapper(Split).map_record(address).values_by_target(),
            {"customer": {"name": "Ada"}, "address": {"street": "A"}},
        )

    def test_translations(self):
        """What translatable fields feed is exported per language."""
        self.env["res.lang"]._activate_lang("fr_FR")

        class CategoryExport(ExportMapper):
            _apply_on = "mapping.test.category"
            direct = [("external_id", "id"), ("name", "name"), ("color", "color")]

        category = self.category("1", name="Chair")
        category.with_context(lang="fr_FR").name = "Chaise"
        by_lang = self.mapper(CategoryExport).translations(category, ["en_US", "fr_FR"])
        self.assertEqual(by_lang, {"en_US": {"name": "Chair"}, "fr_FR": {"name": "Chaise"}})

    def test_translations_of_methods(self):
        """A method without @changed_by may read any translatable field, so its values come per language, too."""
        self.env["res.lang"]._activate_lang("fr_FR")

        class CategoryExport(ExportMapper):
            _apply_on = "mapping.test.category"

            @mapping
            def label(self, category):
                return {"label": category.name}

        category = self.category("1", name="Chair")
        category.with_context(lang="fr_FR").name = "Chaise"
        by_lang = self.mapper(CategoryExport).translations(category, ["en_US", "fr_FR"])
        self.assertEqual(by_lang, {"en_US": {"label": "Chair"}, "fr_FR": {"label": "Chaise"}})

    def test_round_trip(self):
        """What was imported is exported as it was."""
        self.category("5")
        self.partner("100")
        source = {
            "id": "1",
            "name": "Ada",
            "address": {"city": "London", "country": "GB"},
            "group": "5",
            "groups": ["5"],
            "company": "100",
            "rank": "3",
            "addresses": [{"id": "11", "street": "A"}, {"id": "12", "street": "B"}],
        }
        values = self.mapper(PartnerImport, AddressImport).map_record(source).values(for_create=True)
        partner = self.env["mapping.test.partner"].create({**values, "backend_id": self.backend.id})
        exported = self.mapper(PartnerExport, AddressExport).map_record(partner).values()
        self.assertEqual(exported.pop("country"), "GB")
        exported["addresses"].sort(key=lambda address: address["id"])
        self.assertEqual(exported, source)
