"""External ids and many2ones."""

from odoo.fields import Command
from odoo.tests import tagged

from ..exceptions import ConfigurationError, DependencyMissingError, MappingError
from ..mappings import ImportMapper, convert, external_to_m2m, external_to_m2o, none
from .mappings_common import FakeBinder, FakeField, FakeModel, MappingCase


@tagged("post_install", "-at_install", "plain")
class TestMappingsLinks(MappingCase):
    models = (
        FakeModel(
            "parent",
            {
                "website_id": FakeField("fake.website", "many2one"),
                "partner_id": FakeField("res.partner", "many2one"),
                "country_id": FakeField("res.country", "many2one"),
                "shop_id": FakeField("shop", "many2one"),
                "category_ids": FakeField("category", "many2many"),
                "name": FakeField(),
            },
        ),
        FakeModel("fake.website", _is_connector_binding=True, _inherits={"website": "odoo_id"}),
        FakeModel("fake.partner", _is_connector_binding=True, _inherits={"res.partner": "odoo_id"}),
        FakeModel("fake.category", _is_connector_binding=True, _inherits={"category": "odoo_id"}),
        FakeModel("fake.shop", _is_connector_binding=True, _inherits={"shop": "odoo_id"}),
        FakeModel("fake.shop.b2b", _is_connector_binding=True, _inherits={"shop": "odoo_id"}),
        FakeModel(
            "other.partner",
            {"backend_id": FakeField("other.backend", "many2one")},
            _is_connector_binding=True,
            _inherits={"res.partner": "odoo_id"},
        ),
    )

    def setUp(self):
        super().setUp()
        FakeBinder.IDS = {
            "fake.website": {"0": 10, "1": 11},
            "fake.partner": {"7": 70},
            "fake.shop.b2b": {"2": 22},
            "fake.category": {"1": 1, "2": 2},
        }

    def link(self, modifier, target, source):
        class Mapper(ImportMapper):
            direct = [(modifier, target)]

        return self.values(Mapper, source)

    def test_binding_comodel(self):
        """A field that points to a binding model gets the binding's id."""
        self.assertEqual(self.link(external_to_m2o("w"), "website_id", {"w": "1"}), {"website_id": 11})

    def test_odoo_comodel(self):
        """A field that points to a model of Odoo gets the record's id, by the only binding model of this backend."""
        self.assertEqual(self.link(external_to_m2o("p"), "partner_id", {"p": "7"}), {"partner_id": 1070})

    def test_id_zero(self):
        """0 is an external id, as a number or a text."""
        for zero in (0, "0"):
            self.assertEqual(self.link(external_to_m2o("w"), "website_id", {"w": zero}), {"website_id": 10})

    def test_nothing(self):
        """None, False and an empty text clear the field, a missing key leaves it."""
        for nothing in (None, False, ""):
            self.assertEqual(self.link(external_to_m2o("w"), "website_id", {"w": nothing}), {"website_id": False})
        self.assertEqual(self.link(external_to_m2o("w"), "website_id", {}), {})

    def test_unbound(self):
        """An id that is not bound is a missing dependency, which is tried again, and names model and id."""
        with self.assertRaisesRegex(DependencyMissingError, "fake.partner.*'8'"):
            self.link(external_to_m2o("p"), "partner_id", {"p": "8"})

    def test_several(self):
        """Several binding models on the comodel are a question of configuration, unless one is named."""
        with self.assertRaisesRegex(ConfigurationError, r"fake\.shop, fake\.shop\.b2b.*binding="):
            self.link(external_to_m2o("s"), "shop_id", {"s": "2"})
        named = external_to_m2o("s", binding="fake.shop.b2b")
        self.assertEqual(self.link(named, "shop_id", {"s": "2"}), {"shop_id": 1022})

    def test_no_binding_model(self):
        """No binding model on the comodel is one, too."""
        with self.assertRaisesRegex(ConfigurationError, "no binding model on res.country"):
            self.link(external_to_m2o("c"), "country_id", {"c": "2"})

    def test_no_relation(self):
        """A target that is no relation is one, too."""
        with self.assertRaisesRegex(ConfigurationError, "'name'"):
            self.link(external_to_m2o("n"), "name", {"n": "2"})

    def test_composed(self):
        """The external id may come from another modifier."""
        modifier = external_to_m2o(none(convert("w", lambda text: text.strip())))
        self.assertEqual(self.link(modifier, "website_id", {"w": " 1 "}), {"website_id": 11})
        self.assertEqual(self.link(modifier, "website_id", {"w": "  "}), {"website_id": False})

    def test_many(self):
        """A list of external ids becomes the command that sets a many2many; none clears it."""
        modifier = external_to_m2m("cats")
        self.assertEqual(
            self.link(modifier, "category_ids", {"cats": [1, "2", "1"]}),
            {"category_ids": [Command.set([1001, 1002])]},
        )
        self.assertEqual(self.link(modifier, "category_ids", {"cats": ["2"]}), {"category_ids": [Command.set([1002])]})
        for nothing in (None, [], False):
            self.assertEqual(
                self.link(modifier, "category_ids", {"cats": nothing}), {"category_ids": [Command.clear()]}
            )
        self.assertEqual(self.link(modifier, "category_ids", {}), {})
        with self.assertRaises(DependencyMissingError):
            self.link(modifier, "category_ids", {"cats": ["1", "9"]})

    def test_prefetch(self):
        """`map_many` looks up all external ids of a field at once; later mappings look again."""

        class Mapper(ImportMapper):
            direct = [(external_to_m2o("w"), "website_id"), (external_to_m2o(none("p")), "partner_id")]

        mapper = self.mapper(Mapper)
        FakeBinder.calls.clear()
        values = mapper.map_many([{"w": 1, "p": "7"}, {"w": "0", "p": ""}, {"w": 1}, {"w": None}])
        self.assertEqual(
            values,
            [
                {"website_id": 11, "partner_id": 1070},
                {"website_id": 10, "partner_id": False},
                {"website_id": 11},
                {"website_id": False},
            ],
        )
        self.assertEqual(FakeBinder.calls, [("to_internal_many", {1, "0"}), ("to_internal", "7")])
        FakeBinder.IDS["fake.website"]["1"] = 99
        self.assertEqual(mapper.map_record({"w": 1}).values(), {"website_id": 99})

    def test_prefetch_errors(self):
        """What is wrong is reported by the mapping, not by the look-up in bulk."""

        class Mapper(ImportMapper):
            direct = [(external_to_m2o(convert("w", int)), "website_id")]

        with self.assertRaises(MappingError) as caught:
            self.mapper(Mapper).map_many([{"w": "?"}, {"w": "0"}, {"w": "1"}])
        self.assertEqual(set(caught.exception.field_errors), {"[0].website_id"})
        with self.assertRaises(DependencyMissingError):
            self.mapper(Mapper).map_many([{"w": "1"}, {"w": "5"}])
