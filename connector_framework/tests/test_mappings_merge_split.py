"""Merging sources and splitting values, in both directions."""

from odoo.fields import Command
from odoo.tests import tagged

from ..exceptions import ConfigurationError
from ..mappings import ExportMapper, ImportMapper, changed_by, convert, external_to_m2o, mapping
from .mappings_common import FakeBinder, FakeBinding, FakeField, FakeLine, FakeModel, MappingCase


class Merge:
    sources = ("customer", "address")
    direct = [
        ("customer.name", "name"),
        (convert("customer.age", int), "age"),
        ("address.city", "city"),
        ("address.country.code", "country"),
    ]

    @mapping(source="address")
    @changed_by("street")
    def street(self, record):
        return {"street": record["street"]}

    @mapping
    @changed_by("customer.name", "address.city")
    def label(self, record):
        return {"label": f"{record['customer']['name']} @ {(record.get('address') or {}).get('city')}"}


SOURCE = {
    "customer": {"name": "Ada", "age": "36"},
    "address": {"city": "London", "country": {"code": "GB"}, "street": "Dorset St"},
}
MERGED = {
    "name": "Ada",
    "age": 36,
    "city": "London",
    "country": "GB",
    "street": "Dorset St",
    "label": "Ada @ London",
}


@tagged("post_install", "-at_install", "plain")
class TestMappingsMerge(MappingCase):
    def test_merge(self):
        """Two sources make one dict of values, in both directions."""
        for base in (ImportMapper, ExportMapper):

            class Mapper(Merge, base):
                pass

            self.assertEqual(self.values(Mapper, SOURCE), MERGED)

    def test_source_missing(self):
        """A source that is not there leaves what it feeds untouched, its methods are not called."""

        class Mapper(Merge, ImportMapper):
            pass

        values = self.values(Mapper, {"customer": {"name": "Ada"}})
        self.assertEqual(values, {"name": "Ada", "label": "Ada @ None"})

    def test_wrong_part(self):
        """A part that is no source is refused when it is handed over, before anything is mapped."""

        class Mapper(Merge, ImportMapper):
            pass

        with self.assertRaises(TypeError):
            self.mapper(Mapper).map_record({"customer": "Ada"})

    def test_source_none(self):
        """A source that is None clears what it feeds directly, its methods are not called."""

        class Mapper(Merge, ImportMapper):
            pass

        values = self.values(Mapper, {"customer": {"name": "Ada"}, "address": None})
        self.assertEqual(values, {"name": "Ada", "city": False, "country": False, "label": "Ada @ None"})

    def test_source_empty(self):
        """A source that is nothing in another way, an empty list say, is as one that is None."""

        class Mapper(Merge, ImportMapper):
            pass

        for empty in ([], "", False):
            values = self.values(Mapper, {"customer": {"name": "Ada"}, "address": empty})
            self.assertEqual(values, {"name": "Ada", "city": False, "country": False, "label": "Ada @ None"})

    def test_fields(self):
        """Fields are selected with the name of their source, or a source with all its fields."""

        class Mapper(Merge, ImportMapper):
            pass

        map_record = self.mapper(Mapper).map_record(SOURCE)
        self.assertEqual(set(map_record.values(fields=["address.city"])), {"city", "label"})
        self.assertEqual(set(map_record.values(fields=["address.street"])), {"street"})
        self.assertEqual(set(map_record.values(fields=["address"])), {"city", "country", "street", "label"})

    def test_source_fields(self):
        """`source_fields` carry the name of their source."""

        class Mapper(Merge, ImportMapper):
            pass

        self.assertEqual(
            Mapper.source_fields(),
            {"customer.name", "customer.age", "address.city", "address.country", "address.street"},
        )

    def test_no_prefix(self):
        """A source key without the name of a source is refused."""
        with self.assertRaisesRegex(ConfigurationError, "'name'.*customer"):

            class Mapper(Merge, ImportMapper):
                direct = [("name", "other")]

    def test_unknown_source(self):
        """A part of the source that the mapper does not know is refused."""

        class Mapper(Merge, ImportMapper):
            pass

        with self.assertRaisesRegex(ValueError, "adress"):
            self.mapper(Mapper).map_record({"customer": {}, "adress": {}})

    def test_method_of_unknown_source(self):
        """A method for a source that the mapper does not have is refused."""
        with self.assertRaisesRegex(ConfigurationError, "street.*'address'"):

            class Mapper(ImportMapper):
                sources = ("customer",)

                @mapping(source="address")
                def street(self, record):
                    return {}

    def test_children(self):
        """Children of one of the sources are mapped as ever."""

        class Line(ImportMapper):
            _apply_on = "line"
            direct = [("a", "x")]

        class Mapper(ImportMapper):
            sources = ("customer", "address")
            children = [("address.lines", "line_ids", "line")]

        values = self.mapper(Mapper, Line).map_record({"address": {"lines": [{"a": 1}]}}).values()
        self.assertEqual(values, {"line_ids": [Command.create({"x": 1})]})


class Split:
    targets = ("customer", "address")
    direct = [("name", "customer.name"), (convert("age", int), "customer.age"), ("home.city", "address.city")]

    @mapping(target="address")
    @changed_by("street")
    def street(self, record):
        return {"street": record["street"], "zip": None}

    @mapping
    @changed_by("kind")
    def kind(self, record):
        return {"customer.kind": record["kind"], "address": {"kind": record["kind"]}}


FLAT = {"name": "Ada", "age": "36", "home": {"city": "London"}, "street": "Dorset St", "kind": "x"}


@tagged("post_install", "-at_install", "plain")
class TestMappingsSplit(MappingCase):
    def test_split(self):
        """One source makes a dict of values per target, in both directions."""
        for base in (ImportMapper, ExportMapper):

            class Mapper(Split, base):
                pass

            self.assertEqual(
                self.mapper(Mapper).map_record(FLAT).values_by_target(),
                {
                    "customer": {"name": "Ada", "age": 36, "kind": "x"},
                    "address": {"city": "London", "street": "Dorset St", "zip": None, "kind": "x"},
                },
            )

    def test_all_targets(self):
        """Each target is there, empty if nothing feeds it; arguments are those of `values`."""

        class Mapper(Split, ImportMapper):
            pass

        values = self.mapper(Mapper).map_record(FLAT).values_by_target(fields=["name"])
        self.assertEqual(values, {"customer": {"name": "Ada"}, "address": {}})

    def test_update(self):
        """Forced values go to the target that they name."""

        class Mapper(Split, ImportMapper):
            pass

        map_record = self.mapper(Mapper).map_record(FLAT)
        map_record.update({"address.city": "Paris"}, customer={"name": "Bob"})
        values = map_record.values_by_target(fields=["name"])
        self.assertEqual(values, {"customer": {"name": "Bob"}, "address": {"city": "Paris"}})

    def test_wrong_target(self):
        """A target without the name of one of the targets is refused."""
        for wrong in ("name", "person.name", "customer"):
            with self.assertRaisesRegex(ConfigurationError, f"'{wrong}'"):

                class Mapper(ImportMapper):
                    targets = ("customer", "address")
                    direct = [("name", wrong)]

            with self.assertRaisesRegex(ConfigurationError, f"'{wrong}'"):

                class Parent(ImportMapper):
                    targets = ("customer", "address")
                    children = [("lines", wrong, "line")]

    def test_wrong_value(self):
        """A value of a method that is in no target is refused, not lost."""

        class Mapper(Split, ImportMapper):
            @mapping
            def wrong(self, record):
                return {"city": 1}

        with self.assertRaisesRegex(ConfigurationError, "'city'"):
            self.mapper(Mapper).map_record(FLAT).values_by_target()

    def test_no_targets(self):
        """A mapper without targets has nothing to split on."""

        class Mapper(ImportMapper):
            direct = [("a", "x")]

        with self.assertRaisesRegex(ConfigurationError, "no targets"):
            self.mapper(Mapper).map_record({}).values_by_target()

    def test_merge_and_split(self):
        """A mapper may merge and split at once."""

        class Mapper(ExportMapper):
            sources = ("a", "b")
            targets = ("x", "y")
            direct = [("a.one", "y.one"), ("b.two", "x.two")]

            @mapping(source="a", target="x")
            def three(self, record):
                return {"three": record["one"] * 3}

        values = self.mapper(Mapper).map_record({"a": {"one": 1}, "b": {"two": 2}}).values_by_target()
        self.assertEqual(values, {"x": {"two": 2, "three": 3}, "y": {"one": 1}})

    def test_children(self):
        """The lines of a target are recognised by the record that is given for it."""

        class Line(ImportMapper):
            _apply_on = "line"
            direct = [("id", "external_id")]

        class Mapper(ImportMapper):
            targets = ("customer", "address")
            children = [("lines", "address.line_ids", "line")]

        binding = {"address": FakeBinding(line_ids=[FakeLine(id=10, external_id="1")])}
        map_record = self.mapper(Mapper, Line).map_record({"lines": [{"id": 1}]})
        self.assertEqual(
            map_record.values_by_target(binding=binding),
            {"customer": {}, "address": {"line_ids": [Command.update(10, {"external_id": 1})]}},
        )
        self.assertEqual(map_record.values_by_target()["address"], {"line_ids": [Command.create({"external_id": 1})]})


@tagged("post_install", "-at_install", "plain")
class TestMappingsSplitLinks(MappingCase):
    models = (
        FakeModel("fake.website", _is_connector_binding=True),
        FakeModel("fake.address", {"website_id": FakeField("fake.website", "many2one")}),
    )

    def test_models_of_targets(self):
        """Targets that name their models let external ids become many2ones."""

        class Mapper(ImportMapper):
            targets = {"address": "fake.address"}
            direct = [(external_to_m2o("site"), "address.website_id")]

        FakeBinder.IDS = {"fake.website": {"1": 5}}
        self.assertEqual(self.mapper(Mapper).map_record({"site": 1}).values_by_target(), {"address": {"website_id": 5}})
