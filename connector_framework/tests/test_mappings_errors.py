"""Errors of fields, and explanations."""

from collections import ChainMap

import psycopg2
from odoo.exceptions import ConcurrencyError, UserError
from odoo.fields import Command
from odoo.tests import tagged

from ..exceptions import DependencyMissingError, MappingError, SkipError
from ..mappings import ExportMapper, ImportMapper, changed_by, convert, mapping, none, only_create
from .mappings_common import FakeBinding, FakeLine, MappingCase


class Line(ImportMapper):
    _apply_on = "line"
    direct = [(convert("qty", int), "quantity"), (none("a"), "name")]


@tagged("post_install", "-at_install", "plain")
class TestMappingsErrors(MappingCase):
    def errors(self, cls, source, *others, **arguments):
        with self.assertRaises(MappingError) as caught:
            self.mapper(cls, *others).map_record(source).values(**arguments)
        for name in caught.exception.field_errors:
            self.assertIn(name, str(caught.exception))
        return caught.exception.field_errors

    def test_all_at_once(self):
        """All errors of a record come together: entries, methods, children."""

        class Mapper(ImportMapper):
            direct = [(convert("a", int), "x"), (convert("b", int), "y"), ("c.d", "z"), ("good", "good")]
            children = [("lines", "line_ids", "line")]

            @mapping
            def street(self, record):
                return {"street": record["street"]}

        errors = self.errors(Mapper, {"a": "?", "b": "!", "c": 5, "lines": [{"qty": 1}, {"qty": "?"}]}, Line)
        self.assertEqual(set(errors), {"x", "y", "z", "street", "line_ids[1].quantity"})
        self.assertIn("'street'", errors["street"])

    def test_any_mapping(self):
        """A dict and another kind of mapping have the same errors."""

        class Mapper(ImportMapper):
            direct = [(convert("a", int), "x"), ("c.d", "z"), (convert(none("e"), int), "w"), ("good", "good")]

            @mapping
            def street(self, record):
                return {"street": record["street"]}

            @mapping
            def wrong(self, record):
                return 5

        source = {"a": "?", "c": 5, "e": "!", "good": 1}
        errors = self.errors(Mapper, source)
        self.assertEqual(set(errors), {"x", "z", "w", "street", "wrong"})
        self.assertEqual(self.errors(Mapper, ChainMap(source)), errors)

    def test_export_children(self):
        """Errors of children are named by target and index on export as well."""

        class Child(ExportMapper):
            _apply_on = "line"
            direct = [(convert("qty", int), "quantity")]

        class Mapper(ExportMapper):
            children = [("lines", "items", "line")]

        self.assertEqual(
            set(self.errors(Mapper, {"lines": [{"qty": "?"}, 5]}, Child)), {"items[0].quantity", "items[1]"}
        )

    def test_finalize(self):
        """An error of `finalize`, or that it returns nothing, is one of its own."""

        class Mapper(ImportMapper):
            def finalize(self, map_record, values):
                return values["missing"]

        class Forgetful(ImportMapper):
            def finalize(self, map_record, values):
                values["x"] = 1

        self.assertEqual(set(self.errors(Mapper, {})), {"finalize"})
        self.assertIn("returned None", self.errors(Forgetful, {})["finalize"])

    def test_text_for_people(self):
        """The text of an error that is made for people stays as it is."""

        class Mapper(ImportMapper):
            @mapping
            def vat(self, record):
                raise UserError("The VAT number is wrong.")

        self.assertEqual(self.errors(Mapper, {}), {"vat": "The VAT number is wrong."})

    def test_map_many_no_source(self):
        """`map_many` reports what is no source at all by its index, beside the errors of the others."""

        class Mapper(ImportMapper):
            direct = [(convert("a", int), "x")]

        with self.assertRaises(MappingError) as caught:
            self.mapper(Mapper).map_many([{"a": 1}, "text", {"a": "!"}])
        self.assertEqual(set(caught.exception.field_errors), {"[1]", "[2].x"})

    def test_mapping_error(self):
        """A method may raise field errors itself."""

        class Mapper(ImportMapper):
            @mapping
            def many(self, record):
                raise MappingError({"vat": "wrong", "zip": "unknown"})

            @mapping
            def one(self, record):
                raise MappingError("no good")

        self.assertEqual(self.errors(Mapper, {}), {"vat": "wrong", "zip": "unknown", "one": "no good"})

    def test_mapping_error_without_fields(self):
        """A mapping error that names no field is the method's, and not lost."""

        class Mapper(ImportMapper):
            children = [("lines", "line_ids", "line")]

            @mapping
            def empty(self, record):
                raise MappingError

        class EmptyLine(ImportMapper):
            _apply_on = "line"

            def finalize_child(self, map_record, values):
                raise MappingError

        with self.assertRaises(MappingError) as caught:
            self.mapper(Mapper, EmptyLine).map_record({"lines": [{}]}).values()
        self.assertEqual(set(caught.exception.field_errors), {"empty", "line_ids[0]"})

    def test_source_keys(self):
        """An error tells target and source: of a child, from the root of what was read."""

        class Mapper(ImportMapper):
            direct = [(convert("a.b", int), "x")]
            children = [("order.lines", "line_ids", "line")]

        class ConvertingLine(ImportMapper):
            _apply_on = "line"
            direct = [(convert("qty", int), "quantity")]

            @mapping
            def fails(self, record):
                raise ValueError("No.")

        with self.assertRaises(MappingError) as caught:
            self.mapper(Mapper, ConvertingLine).map_many([{"a": {"b": "?"}, "order": {"lines": [{"qty": "?"}, 5]}}])
        self.assertEqual(
            caught.exception.source_keys,
            {
                "[0].x": "[0].a.b",
                "[0].line_ids[0].quantity": "[0].order.lines[0].qty",
                "[0].line_ids[0].fails": "[0].order.lines[0]",
                "[0].line_ids[1]": "[0].order.lines[1]",
            },
        )
        self.assertIn("(source '[0].order.lines[0].qty')", str(caught.exception))

    def test_raised_as_it_is(self):
        """What says by its type what to do next is raised as it is, through children too."""

        class Mapper(ImportMapper):
            direct = [(convert("a", int), "x")]
            children = [("lines", "line_ids", "line")]

            @mapping
            def fails(self, record):
                if not record.get("lines"):
                    raise self.options.error

        class FailingLine(ImportMapper):
            _apply_on = "line"

            @mapping
            def fails(self, record):
                raise self.options.error

        mapper = self.mapper(Mapper, FailingLine)
        for error in (
            DependencyMissingError("import it first"),
            SkipError("not wanted"),
            psycopg2.errors.SerializationFailure(),
            psycopg2.OperationalError("server closed the connection unexpectedly"),
            ConcurrencyError("try again"),
        ):
            for source in ({"a": "wrong"}, {"lines": [{}]}):
                with self.assertRaises(type(error)) as caught:
                    mapper.map_record(source).values(error=error)
                self.assertIs(caught.exception, error)

    def test_cause(self):
        """The first exception is the cause, so that its traceback is not lost."""

        class Mapper(ImportMapper):
            @mapping
            def one(self, record):
                raise ZeroDivisionError

            @mapping
            def two(self, record):
                raise ValueError

        with self.assertRaises(MappingError) as caught:
            self.mapper(Mapper).map_record({}).values()
        self.assertIsInstance(caught.exception.__cause__, ZeroDivisionError)

    def test_not_a_dict(self):
        """A method that returns something else is an error that names class and method."""

        class Mapper(ImportMapper):
            @mapping
            def wrong(self, record):
                return record["value"]

        for value in (5, [("a", 1)], "", False, ["a"]):
            errors = self.errors(Mapper, {"value": value})
            self.assertEqual(set(errors), {"wrong"})
            self.assertIn("Mapper.wrong returned", errors["wrong"])
            self.assertIn("a dict", errors["wrong"])
        self.assertEqual(self.values(Mapper, {"value": ChainMap({"a": 1})}), {"a": 1})

    def test_hook_without_values(self):
        """`finalize` and `finalize_child` that return something else are errors that name class and hook."""

        class Mapper(ImportMapper):
            children = [("lines", "line_ids", "line")]

            def finalize(self, map_record, values):
                return [values]

        class HookedLine(Line):
            def finalize_child(self, map_record, values):
                return None

        self.assertIn("Mapper.finalize returned [{}]", self.errors(Mapper, {}, HookedLine)["finalize"])
        errors = self.errors(Mapper, {"lines": [{}]}, HookedLine)
        self.assertIn("HookedLine.finalize_child returned None", errors["line_ids[0]"])

    def test_map_many(self):
        """`map_many` reports the errors of all records, by index."""

        class Mapper(ImportMapper):
            direct = [(convert("a", int), "x")]

        with self.assertRaises(MappingError) as caught:
            self.mapper(Mapper).map_many([{"a": 1}, {"a": "?"}, {"a": "!"}])
        self.assertEqual(set(caught.exception.field_errors), {"[1].x", "[2].x"})


@tagged("post_install", "-at_install", "plain")
class TestMappingsExplain(MappingCase):
    class Base(ImportMapper):
        direct = [("a", "x"), (convert(none("b"), int), "y"), ("m", "missing"), (convert("bad", int), "bad")]

        @mapping
        @changed_by("s1", "s2")
        def street(self, record):
            return {"street": record["s1"], "street2": record["s2"]}

    class Mapper(Base):
        direct = [("a2", "x")]
        children = [("lines", "line_ids", "line")]

        @mapping
        def breaks(self, record):
            raise UserError("Broken.")

    SOURCE = {"a2": None, "b": "5", "bad": "?", "s1": 1, "s2": 2, "lines": [{"qty": "3", "a": ""}]}

    def explain(self, **arguments):
        return self.mapper(self.Mapper, Line).explain(self.SOURCE, **arguments)

    def test_direct(self):
        """A direct target says its source, value, class and addon."""
        self.assertEqual(
            self.explain()["x"],
            {
                "source": "a2",
                "modifier": None,
                "method": None,
                "class": "TestMappingsExplain.Mapper",
                "addon": "connector_framework",
                "value": False,
                "note": "",
            },
        )

    def test_modifier(self):
        """A modifier is shown as it was written, with the class that defines it."""
        entry = self.explain()["y"]
        self.assertEqual(
            (entry["source"], entry["modifier"], entry["value"], entry["class"]),
            ("b", "convert(none(b), int)", 5, "TestMappingsExplain.Base"),
        )

    def test_method(self):
        """Each target of a method names the method and what it is changed by."""
        for target, value in (("street", 1), ("street2", 2)):
            entry = self.explain()[target]
            self.assertEqual((entry["method"], entry["source"], entry["value"]), ("street", "s1, s2", value))

    def test_for_create(self):
        """A creation is explained, unless an update is asked for."""

        class Mapper(ImportMapper):
            @mapping
            @only_create
            def first(self, record):
                return {"first": 1}

        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.explain({})["first"]["value"], 1)
        self.assertNotIn("value", mapper.explain({}, for_create=False).get("first", {}))

    def test_missing(self):
        """A target that is left untouched says why."""
        self.assertEqual(self.explain()["missing"]["note"], "not in the source")

    def test_errors(self):
        """Errors are told, not raised."""
        answer = self.explain()
        self.assertIn("ValueError", answer["bad"]["note"])
        self.assertEqual(answer["breaks"]["note"], "Broken.")

    def test_children(self):
        """Children are explained one by one."""
        entry = self.explain()["line_ids"]
        self.assertEqual(entry["model"], "line")
        self.assertEqual(entry["value"], [Command.create({"quantity": 3, "name": False})])
        self.assertEqual([child["quantity"]["value"] for child in entry["children"]], [3])

    def test_children_hooks(self):
        """A child that is skipped is not told, and what `finalize_child` changes is its own."""

        class HookedLine(Line):
            def skip_item(self, map_record):
                return map_record.source["qty"] == self.options.skipped

            def finalize_child(self, map_record, values):
                return {**values, "label": map_record.parent.source["b"]}

        source = {**self.SOURCE, "lines": [{"qty": "1"}, {"qty": "2"}]}
        entry = self.mapper(self.Mapper, HookedLine).explain(source, skipped="1")["line_ids"]
        (child,) = entry["children"]
        self.assertEqual((child["label"]["method"], child["label"]["value"]), ("finalize_child", "5"))
        told = {target: one["value"] for target, one in child.items() if not one["note"]}
        self.assertEqual([values for _, _, values in entry["value"]], [told])

    def test_children_errors(self):
        """Errors of children are told beside them, those of what is no list of children too."""
        mapper = self.mapper(self.Mapper, Line)
        entry = mapper.explain({**self.SOURCE, "lines": [{"qty": "?"}]})["line_ids"]
        self.assertIn("ValueError", entry["children"][0]["quantity"]["note"])
        self.assertIn("line_ids[0].quantity", entry["note"])
        self.assertIn("a list of children", mapper.explain({**self.SOURCE, "lines": 5})["line_ids"]["note"])
        self.assertIsNone(mapper.current, "nothing is being mapped any more")

    def test_maps_once(self):
        """Each method, hook and modifier is called once for each record, errors or not."""
        calls = []

        def called(value):
            calls.append(value)
            return int(value)

        class CallingLine(ImportMapper):
            _apply_on = "line"
            direct = [(convert("qty", called), "quantity")]

            @mapping
            def method(self, record):
                calls.append("method")

            def finalize_child(self, map_record, values):
                calls.append("finalize_child")
                return values

        class Calling(ImportMapper):
            children = [("lines", "line_ids", "line")]

        mapper = self.mapper(Calling, CallingLine)
        entry = mapper.explain({"lines": [{"qty": "1"}, {"qty": "?"}, {"qty": "3"}]})["line_ids"]
        self.assertEqual(calls, ["1", "method", "finalize_child", "?", "method", "3", "method", "finalize_child"])
        self.assertEqual([child["quantity"]["value"] for child in entry["children"]], [1, None, 3])
        self.assertIn("line_ids[1].quantity", entry["note"])

    def test_typed_errors(self):
        """What a mapping raises at once is told as well, and spoils no other target; of children, too."""

        class Failing(ImportMapper):
            direct = [("a", "x")]
            children = [("lines", "line_ids", "line")]

            @mapping
            def fails(self, record):
                raise DependencyMissingError("import it first")

        class FailingLine(Failing):
            _apply_on = "line"
            children = [("lines", "line_ids", "nothing")]

        answer = self.mapper(Failing, FailingLine).explain({"a": 1, "lines": [{"a": 2}, {"lines": [{}]}]})
        self.assertEqual((answer["x"]["value"], answer["fails"]["note"]), (1, "import it first"))
        first, second = answer["line_ids"]["children"]
        self.assertEqual((first["x"]["value"], first["fails"]["note"]), (2, "import it first"))
        self.assertIn("nothing", second["line_ids"]["note"])

    def test_binding(self):
        """With the record that the values are for, the children are told as the mapping recognises them."""
        binding = FakeBinding(line_ids=[FakeLine(id=5, external_id="1")])

        class KeyedLine(Line):
            direct = [("id", "external_id")]

        class Keyed(ImportMapper):
            children = [("lines", "line_ids", "line")]

        source = {"lines": [{"id": 1, "qty": 2}, {"id": 3, "qty": 4}]}
        mapper = self.mapper(Keyed, KeyedLine)
        entry = mapper.explain(source, for_create=False, binding=binding)["line_ids"]
        self.assertEqual(entry["value"], mapper.map_record(source).values(binding=binding)["line_ids"])
        self.assertEqual([child["external_id"]["value"] for child in entry["children"]], [1, 3])

    def test_forced(self):
        """A value that a method forces is told."""

        class Forcing(ImportMapper):
            direct = [("a", "x"), ("a", "y")]

            @mapping
            def force(self, record):
                self.current.update(x="forced")

            def finalize(self, map_record, values):
                return {"y": values["y"]}

        answer = self.mapper(Forcing).explain({"a": 1})
        self.assertEqual((answer["x"]["value"], answer["x"]["method"], answer["y"]["value"]), ("forced", "update", 1))

    def test_merge(self):
        """Where sources are merged, a method names the part that it gets; one whose part is missing tells nothing."""

        class Merging(ImportMapper):
            sources = ("customer", "address")
            direct = [("customer.name", "name"), ("address.city", "city")]

            @mapping(source="address")
            def street(self, record):
                return {"street": record["street"]}

        mapper = self.mapper(Merging)
        answer = mapper.explain({"customer": {"name": "Ada"}, "address": {"street": "Dorset St"}})
        self.assertEqual((answer["name"]["source"], answer["name"]["value"]), ("customer.name", "Ada"))
        self.assertEqual((answer["street"]["source"], answer["street"]["value"]), ("address", "Dorset St"))
        self.assertEqual(answer["city"]["note"], "not in the source")
        self.assertNotIn("street", mapper.explain({"customer": {"name": "Ada"}}))

    def test_finalize(self):
        """What `finalize` changes is its own."""

        class Final(ImportMapper):
            direct = [("a", "x"), ("b", "y"), ("c", "z")]

            def finalize(self, map_record, values):
                return {"x": values["x"], "y": 9, "more": 1}

        answer = self.mapper(Final).explain({"a": 1, "b": 2, "c": 3})
        self.assertEqual((answer["x"]["method"], answer["x"]["source"]), (None, "a"))
        self.assertEqual((answer["y"]["method"], answer["y"]["value"]), ("finalize", 9))
        self.assertEqual((answer["more"]["method"], answer["more"]["value"]), ("finalize", 1))
        self.assertIn("finalize", answer["z"]["note"])

    def test_same_as_mapping(self):
        """The values that are told are those of the mapping."""

        class Same(self.Mapper):
            direct = [("a", "bad")]
            breaks = None

        mapper = self.mapper(Same, Line)
        answer = mapper.explain(self.SOURCE)
        told = {target: entry["value"] for target, entry in answer.items() if not entry["note"]}
        self.assertEqual(told, mapper.map_record(self.SOURCE).values(for_create=True))
