"""Properties that hold for any source."""

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import tagged

from ..mappings import ExportMapper, ImportMapper, changed_by, convert, default, mapping, none
from .mappings_common import MappingCase

VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False)
TEXTS = st.text(min_size=1, max_size=5)
SOURCES = st.fixed_dictionaries(
    {},
    optional={
        "a": VALUES,
        "b": VALUES,
        "c": VALUES,
        "d": st.none() | st.fixed_dictionaries({}, optional={"e": VALUES, "f": VALUES}),
        "g": VALUES,
        "h": VALUES,
        "lines": st.none()
        | st.lists(st.fixed_dictionaries({}, optional={"id": st.integers(0, 9), "q": VALUES}), max_size=3),
    },
)
FIELDS = st.lists(st.sampled_from(["a", "b", "c", "d", "d.e", "g", "h", "lines", "unknown"]))


class Line(ImportMapper):
    _apply_on = "line"
    direct = [("id", "external_id"), ("q", "quantity")]


class Mapper(ImportMapper):
    direct = [("a", "a_"), (none("b"), "b_"), (default("c", 1), "c_"), ("d.e", "de_"), (convert("d.f", str), "df_")]
    children = [("lines", "line_ids", "line")]

    @mapping
    @changed_by("g", "h")
    def both(self, record):
        return {"gh_": (record.get("g"), record.get("h"))}

    @mapping
    def always(self, record):
        return {"always_": len(record)}


#: Which targets a source field feeds.
FED = {
    "a": {"a_"},
    "b": {"b_"},
    "c": {"c_"},
    "d": {"de_", "df_"},
    "d.e": {"de_"},
    "g": {"gh_"},
    "h": {"gh_"},
    "lines": {"line_ids"},
    "unknown": set(),
}


class ImportCustomer(ImportMapper):
    direct = [(convert("id", str), "external_id"), ("mail", "email"), ("address.city", "city")]
    children = [("items", "line_ids", "line")]

    @mapping
    def name(self, record):
        return {"first": record["name"][0], "last": record["name"][1]}


class ImportItem(ImportMapper):
    _apply_on = "line"
    direct = [("sku", "code"), ("qty", "quantity")]


class ExportCustomer(ExportMapper):
    direct = [(convert("external_id", int), "id"), (none("email"), "mail")]
    children = [("line_ids", "items", "line")]

    @mapping
    def rest(self, record):
        return {"name": [record["first"], record["last"]], "address": {"city": record["city"] or None}}


class ExportItem(ExportMapper):
    _apply_on = "line"
    direct = [("code", "sku"), ("quantity", "qty")]


@tagged("post_install", "-at_install", "plain")
class TestMappingsProperties(MappingCase):
    def test_selection(self):
        """`fields=` maps exactly what the full mapping gives for these fields, and unmarked methods."""
        mapper = self.mapper(Mapper, Line)

        @settings(max_examples=200, deadline=None, derandomize=True)
        @given(SOURCES, FIELDS)
        def check(source, fields):
            full = mapper.map_record(source).values()
            fed = {"always_"}.union(*(FED[field] for field in fields)) if fields else set()
            selected = mapper.map_record(source).values(fields=fields)
            self.assertEqual(selected, {target: value for target, value in full.items() if target in fed})

        check()

    def test_any_kind_of_mapping(self):
        """A source gives the same values whichever kind of mapping it is."""
        from types import MappingProxyType

        mapper = self.mapper(Mapper, Line)

        @settings(max_examples=100, deadline=None, derandomize=True)
        @given(SOURCES)
        def check(source):
            expected = mapper.map_record(source).values()
            self.assertEqual(mapper.map_record(MappingProxyType(source)).values(), expected)
            self.assertEqual(mapper.map_many([source, source]), [expected, expected])

        check()

    def test_untouched_source(self):
        """Mapping does not change its source."""
        mapper = self.mapper(Mapper, Line)

        @settings(max_examples=100, deadline=None, derandomize=True)
        @given(SOURCES)
        def check(source):
            before = repr(source)
            mapper.map_record(source).values(for_create=True)
            mapper.explain(source)
            self.assertEqual(repr(source), before)

        check()

    def test_round_trip(self):
        """Exporting what was imported gives the source again, where both mappers say the same."""
        customer = st.fixed_dictionaries(
            {
                "id": st.integers(0),
                "mail": st.none() | TEXTS,
                "name": st.lists(TEXTS, min_size=2, max_size=2),
                "address": st.fixed_dictionaries({"city": st.none() | TEXTS}),
                "items": st.lists(st.fixed_dictionaries({"sku": TEXTS, "qty": st.integers()}), max_size=3),
            }
        )
        importer = self.mapper(ImportCustomer, ImportItem)
        exporter = self.mapper(ExportCustomer, ExportItem)

        @settings(max_examples=200, deadline=None, derandomize=True)
        @given(customer)
        def check(source):
            record = importer.map_record(source).values(for_create=True)
            record["line_ids"] = [values for _command, _id, values in record["line_ids"]]
            self.assertEqual(exporter.map_record(record).values(for_create=True), source)

        check()
