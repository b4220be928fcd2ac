"""Properties that hold for any source."""

from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from hypothesis import given, settings
from hypothesis import strategies as st
from odoo.tests import tagged

from ..mappings import (
    ExportMapper,
    ImportMapper,
    changed_by,
    convert,
    default,
    mapping,
    none,
    only_create,
    to_decimal,
    to_tz,
    to_utc,
)
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

    @only_create
    @mapping
    @changed_by("a")
    def new(self, record):
        return {"new_": record.get("a")}


#: Which targets a source field feeds.
FED = {
    "a": {"a_", "new_"},
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


class MergeCustomer(ImportMapper):
    sources = ("customer", "address")
    direct = [("customer.mail", "email"), ("address.city", "city"), (convert("address.zip", str), "zip")]

    @mapping(source="customer")
    @changed_by("first", "last")
    def name(self, record):
        return {"name": (record["first"], record["last"])}


class SplitCustomer(ExportMapper):
    targets = ("customer", "address")
    direct = [("email", "customer.mail"), ("city", "address.city"), (convert("zip", int), "address.zip")]

    @mapping(target="customer")
    @changed_by("name")
    def name(self, record):
        return {"first": record["name"][0], "last": record["name"][1]}


PARTS = st.fixed_dictionaries(
    {
        "customer": st.fixed_dictionaries({"first": TEXTS, "last": TEXTS}, optional={"mail": st.text(max_size=5)}),
        "address": st.fixed_dictionaries({}, optional={"city": st.text(max_size=5), "zip": st.integers()}),
    }
)
MERGED_FED = {
    "customer": {"email", "name"},
    "customer.mail": {"email"},
    "address": {"city", "zip"},
    "address.city": {"city"},
    "address.zip": {"zip"},
}


@tagged("post_install", "-at_install", "plain")
class TestMappingsProperties(MappingCase):
    def test_selection(self):
        """`fields=` maps exactly what the full mapping gives for these fields, and unmarked methods."""
        mapper = self.mapper(Mapper, Line)

        @settings(max_examples=200, deadline=None, derandomize=True)
        @given(SOURCES, FIELDS, st.booleans())
        def check(source, fields, for_create):
            full = mapper.map_record(source).values(for_create=for_create)
            fed = {"always_"}.union(*(FED[field] for field in fields)) if fields else set()
            expected = {target: value for target, value in full.items() if target in fed}
            self.assertEqual(mapper.map_record(source).values(for_create=for_create, fields=fields), expected)
            self.assertEqual(mapper.map_many([source], for_create=for_create, fields=fields), [expected])

        check()

    def test_selection_of_merged(self):
        """`fields=` of merged sources and a split target maps what the full mapping gives for these fields, too."""
        mapper = self.mapper(MergeCustomer)

        @settings(max_examples=200, deadline=None, derandomize=True)
        @given(PARTS, st.lists(st.sampled_from(sorted(MERGED_FED))))
        def check(source, fields):
            full = mapper.map_record(source).values()
            fed = set().union(*(MERGED_FED[field] for field in fields))
            expected = {target: value for target, value in full.items() if target in fed}
            self.assertEqual(mapper.map_record(source).values(fields=fields), expected)

        check()

    def test_explain(self):
        """`explain` tells the values that the mapping gives."""
        mapper = self.mapper(Mapper, Line)

        @settings(max_examples=100, deadline=None, derandomize=True)
        @given(SOURCES)
        def check(source):
            answer = mapper.explain(source)
            told = {target: entry["value"] for target, entry in answer.items() if not entry["note"]}
            self.assertEqual(told, mapper.map_record(source).values(for_create=True))

        check()

    def test_any_kind_of_mapping(self):
        """A source gives the same values whichever kind of mapping it is."""
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

    def test_round_trip_of_values(self):
        """0, False, an empty text and all other values but None come back; what is missing stays missing."""

        class Import(ImportMapper):
            direct = [("a", "x"), ("b", "y"), ("c.d", "z")]

        class Export(ExportMapper):
            _apply_on = "parent"
            direct = [("x", "a"), ("y", "b")]

            @mapping
            def inner(self, record):
                return {"c": {"d": record["z"]}} if "z" in record else None

        values = VALUES.filter(lambda value: value is not None)
        inner = st.fixed_dictionaries({"d": values})
        sources = st.fixed_dictionaries({}, optional={"a": values, "b": values, "c": inner})
        importer, exporter = self.mapper(Import), self.mapper(Export)

        @settings(max_examples=200, deadline=None, derandomize=True)
        @given(sources)
        def check(source):
            back = exporter.map_record(importer.map_record(source).values()).values()
            self.assertEqual(back, source)
            self.assertEqual(repr(sorted(back.items())), repr(sorted(source.items())), "0 is not False")

        check()

    def test_round_trip_of_parts(self):
        """Two sources that were merged into one record are split into the same two again."""
        importer, exporter = self.mapper(MergeCustomer), self.mapper(SplitCustomer)

        @settings(max_examples=200, deadline=None, derandomize=True)
        @given(PARTS)
        def check(source):
            record = importer.map_record(source).values(for_create=True)
            self.assertEqual(exporter.map_record(record).values_by_target(), source)

        check()

    def test_times(self):
        """A time of Odoo's comes back from any time zone, as a datetime or as its text."""
        zones = st.sampled_from(["UTC", "Europe/Zurich", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])

        @settings(max_examples=200, deadline=None, derandomize=True)
        @given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)), zones)
        def check(moment, zone):
            there = to_tz(moment, zone)
            self.assertEqual(to_utc(there), moment)
            self.assertEqual(to_utc(there.isoformat()), moment)
            self.assertEqual(to_utc(there.replace(tzinfo=None), zone), moment)

        check()

    def test_decimals(self):
        """A decimal number comes through exactly, as text and as the float that was meant by it."""

        @settings(max_examples=200, deadline=None, derandomize=True)
        @given(st.integers(-(10**9), 10**9), st.integers(0, 4))
        def check(number, places):
            exact = Decimal(number).scaleb(-places)
            self.assertEqual(to_decimal(str(exact)), exact)
            self.assertEqual(to_decimal(float(exact)), exact)
            self.assertEqual(to_decimal(f"{exact:.6f}", places), exact)

        check()
