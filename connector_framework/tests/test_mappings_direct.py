"""Direct mappings and modifiers."""

from collections import ChainMap
from functools import partial
from types import MappingProxyType

from odoo.fields import Command
from odoo.tests import tagged

from ..exceptions import ConfigurationError, MappingError
from ..mappings import (
    MISSING,
    ExportMapper,
    ImportMapper,
    changed_by,
    convert,
    default,
    follow_m2o,
    modifier,
    none,
    to_decimal,
    to_utc,
)
from .mappings_common import MappingCase


@tagged("post_install", "-at_install", "plain")
class TestMappingsDirect(MappingCase):
    def test_value(self):
        """A source key feeds its target."""

        class Mapper(ImportMapper):
            direct = [("firstname", "name")]

        self.assertEqual(self.values(Mapper, {"firstname": "Ada", "other": 1}), {"name": "Ada"})

    def test_missing(self):
        """A key that the source does not have leaves the target out."""

        class Mapper(ImportMapper):
            direct = [("a", "x"), (none("b"), "y"), (convert("c", int), "z"), ("d.e", "w")]

        self.assertEqual(self.values(Mapper, {"d": {}}), {})

    def test_none_clears(self):
        """On import None becomes False, with and without a modifier."""

        class Mapper(ImportMapper):
            direct = [("a", "x"), (convert("b", str), "y"), ("c.d", "z")]

        values = self.values(Mapper, {"a": None, "b": None, "c": {"d": None}})
        self.assertEqual(values, {"x": False, "y": False, "z": False})

    def test_none_on_export(self):
        """On export None stays None."""

        class Mapper(ExportMapper):
            direct = [("a", "x"), (none("b"), "y")]

        self.assertEqual(self.values(Mapper, {"a": None, "b": ""}), {"x": None, "y": None})

    def test_falsy_values(self):
        """0, False and an empty text are values."""

        class Mapper(ImportMapper):
            direct = [("a", "x"), ("b", "y"), ("c", "z"), (convert("a", str), "text")]

        values = self.values(Mapper, {"a": 0, "b": False, "c": ""})
        self.assertIs(values["y"], False)
        self.assertEqual((values["x"], values["z"], values["text"]), (0, "", "0"))
        self.assertIsNot(values["x"], False)

    def test_dotted(self):
        """A dotted key goes down through mappings, of any depth."""

        class Mapper(ImportMapper):
            direct = [("a.b", "x"), ("a.c.d", "y")]

        self.assertEqual(self.values(Mapper, {"a": {"b": 1, "c": {"d": 2}}}), {"x": 1, "y": 2})

    def test_dotted_through_nothing(self):
        """What is known to be empty on the way of a dotted key, be it a PHP array, clears the target."""

        class Mapper(ImportMapper):
            direct = [("a.b", "x"), ("c.d.e", "y"), ("f.g", "z")]

        values = self.values(Mapper, {"a": None, "c": {"d": []}, "f": False})
        self.assertEqual(values, {"x": False, "y": False, "z": False})

    def test_dotted_through_text(self):
        """A text on the way of a dotted key is an error of the target."""

        class Mapper(ImportMapper):
            direct = [("a.b", "x")]

        with self.assertRaises(MappingError) as caught:
            self.values(Mapper, {"a": "text"})
        self.assertEqual(list(caught.exception.field_errors), ["x"])

    def test_any_mapping(self):
        """Any mapping is a source, not only a dict, and gives the same values."""

        class Mapper(ImportMapper):
            direct = [("a", "x"), (convert("b", int), "y"), ("c.d", "z")]

        source = {"a": None, "b": "7", "c": ChainMap({"d": 3})}
        self.assertEqual(self.values(Mapper, ChainMap(source)), self.values(Mapper, source))
        self.assertEqual(self.values(Mapper, ChainMap(source)), {"x": False, "y": 7, "z": 3})

    def test_no_mapping(self):
        """What is no mapping is refused at once."""

        class Mapper(ImportMapper):
            direct = [("a", "x")]

        with self.assertRaises(TypeError):
            self.mapper(Mapper).map_record([("a", 1)])

    def test_same_target_twice(self):
        """Of two entries of a class for one target the later one that the source has wins."""

        class Mapper(ImportMapper):
            direct = [(none("a"), "x"), ("b", "x")]

        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.map_record({"a": 1, "b": 2}).values(), {"x": 2})
        self.assertEqual(mapper.map_record({"a": 1}).values(), {"x": 1})

    def test_bad_entry(self):
        """An entry that is no pair is refused when the class is made, naming the class."""
        with self.assertRaisesRegex(ConfigurationError, "Mapper.*'a', 'x', 'y'"):

            class Mapper(ImportMapper):
                direct = [("a", "x", "y")]

    def test_bad_source(self):
        """An entry whose source is neither a key nor a modifier is refused."""
        for source in (len, none, 5):
            with self.assertRaisesRegex(ConfigurationError, "neither a source key nor a modifier"):

                class Mapper(ImportMapper):
                    direct = [(source, "x")]

    def test_bad_lists(self):
        """What is no list of entries is refused: a forgotten comma makes a pair of texts, or a text, of it."""
        for wrong in (("a", "x"), "ax", {"a": "x"}, 5):
            for attribute in ("direct", "children"):
                with self.assertRaisesRegex(ConfigurationError, f"Mapper: {attribute}: "):
                    type("Mapper", (ImportMapper,), {attribute: wrong})
        for attribute in ("sources", "targets"):
            with self.assertRaisesRegex(ConfigurationError, f"{attribute}: 'customer'"):
                type("Mapper", (ImportMapper,), {attribute: "customer"})

    def test_bad_names(self):
        """Keys and targets are names."""
        for pair in (("", "x"), ("a..b", "x"), (".a", "x"), ("a", ""), ("a", None)):
            with self.assertRaisesRegex(ConfigurationError, "is no (source key|target)"):
                type("Mapper", (ImportMapper,), {"direct": [pair]})
        with self.assertRaisesRegex(ConfigurationError, "None is no source key"):
            type("Mapper", (ImportMapper,), {"children": [(None, "line_ids", "line")]})

    def test_all_mistakes(self):
        """All mistakes of a class are told together, with the class that makes each."""

        class Mixin:
            direct = [("a",)]

        with self.assertRaises(ConfigurationError) as caught:

            class Mapper(Mixin, ImportMapper):
                direct = [(5, "x")]
                children = [("lines", "line_ids")]

                @changed_by("a")
                def street(self, record):
                    return {}

        for part in ("Mapper: ", "('a',)", ".Mixin)", "5 is neither", "('lines', 'line_ids')", "street"):
            self.assertIn(part, str(caught.exception))


@tagged("post_install", "-at_install", "plain")
class TestMappingsModifiers(MappingCase):
    def test_none(self):
        """`none` takes everything falsy for None."""

        class Mapper(ExportMapper):
            direct = [(none("a"), "a"), (none("b"), "b"), (none("c"), "c"), (none("d"), "d")]

        values = self.values(Mapper, {"a": 0, "b": "", "c": False, "d": "d"})
        self.assertEqual(values, {"a": None, "b": None, "c": None, "d": "d"})
        self.assertIsNone(values["a"])

    def test_none_of_others(self):
        """`none` takes further values for None where they are named."""

        class Mapper(ExportMapper):
            direct = [(none("a", "0", "N/A"), "a"), (none("b", "0"), "b"), (none("c"), "c")]

        self.assertEqual(self.values(Mapper, {"a": "N/A", "b": "0", "c": "0"}), {"a": None, "b": None, "c": "0"})

    def test_convert(self):
        """`convert` calls the type with what is not None."""

        class Mapper(ImportMapper):
            direct = [(convert("a", str), "a"), (convert("b", bool), "b"), (convert("c", lambda x: x * 2), "c")]

        self.assertEqual(self.values(Mapper, {"a": 12, "b": "", "c": "x"}), {"a": "12", "b": False, "c": "xx"})

    def test_convert_error(self):
        """What the type refuses is an error of the target that names the source."""

        class Mapper(ImportMapper):
            direct = [(convert("age", int), "years")]

        with self.assertRaisesRegex(MappingError, "years: .*'old'.*source 'age'"):
            self.values(Mapper, {"age": "old"})

    def test_default(self):
        """`default` stands in for what is missing or None, and for nothing else."""

        class Mapper(ImportMapper):
            direct = [(default(key, 7), key) for key in "abcde"]

        values = self.values(Mapper, {"a": None, "b": 0, "c": False, "d": ""})
        self.assertEqual(values, {"a": 7, "b": 0, "c": False, "d": "", "e": 7})
        self.assertIs(values["c"], False)

    def test_follow_m2o(self):
        """`follow_m2o` reads like a dotted key."""

        class Mapper(ImportMapper):
            direct = [(follow_m2o("a.b.c"), "x"), (convert(follow_m2o("a.b.c"), int), "y")]

        self.assertEqual(self.values(Mapper, {"a": {"b": {"c": "5"}}}), {"x": "5", "y": 5})

    def test_composed(self):
        """Modifiers can be put around each other, the inner one works first."""

        class Mapper(ImportMapper):
            direct = [
                (convert(none("a"), int), "two"),
                (default(convert(none("a"), int), 9), "three"),
                (convert(default(none("a"), "4"), int), "other"),
            ]

        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.map_record({"a": "3"}).values(), {"two": 3, "three": 3, "other": 3})
        self.assertEqual(mapper.map_record({"a": ""}).values(), {"two": False, "three": 9, "other": 4})

    def test_helpers(self):
        """The helpers for times and numbers are types for `convert`."""

        class Mapper(ImportMapper):
            direct = [
                (convert("at", partial(to_utc, tz="Europe/Zurich")), "at"),
                (convert("price", partial(to_decimal, digits=2)), "price"),
            ]

        values = self.values(Mapper, {"at": "2026-07-01 12:00:00", "price": "10.005"})
        self.assertEqual((str(values["at"]), str(values["price"])), ("2026-07-01 10:00:00", "10.01"))

    def test_own_modifier(self):
        """A modifier of one's own is a function of three lines, which is not called for a missing key."""

        @modifier
        def upper(context, value):
            return value and f"{context.target}:{value.upper()}"

        class Mapper(ImportMapper):
            direct = [(upper(none("a")), "x"), (upper("b"), "y"), (default(upper("c"), 3), "z"), (upper("d"), "w")]

        for kind in (dict, MappingProxyType):
            self.assertEqual(self.values(Mapper, kind({"a": "v", "d": None})), {"x": "x:V", "z": 3, "w": False})

    def test_own_modifier_with_arguments(self):
        """The arguments of a modifier follow the source; the wrong ones are refused where they are written."""

        @modifier
        def between(context, value, before, after="!"):
            """Put a text between two."""
            return f"{before}{value}{after}"

        class Mapper(ImportMapper):
            direct = [(between("a", "<"), "x"), (between("a", "<", ">"), "y"), (between("a", before="("), "z")]

        self.assertEqual(self.values(Mapper, {"a": 1}), {"x": "<1!", "y": "<1>", "z": "(1!"})
        self.assertEqual(repr(between(none("a"), "<")), "between(none(a), '<', '!')")
        self.assertEqual((between.__name__, between.__doc__), ("between", "Put a text between two."))
        for arguments in ((), ("<", ">", 1)):
            with self.assertRaisesRegex(TypeError, "before|many"):
                between("a", *arguments)

    def test_context(self):
        """A modifier knows the mapper, the options and the record that is being mapped."""

        @modifier
        def known(context, value):
            parent = context.record.parent
            source = parent.source if parent else context.record.source
            return type(context.mapper).__name__, context.options.shop, context.options.for_create, source["name"]

        class Mapper(ImportMapper):
            direct = [(known("a"), "x")]
            children = [("lines", "line_ids", "line")]

        class Line(ImportMapper):
            _apply_on = "line"
            direct = [(known("a"), "x")]

        values = self.mapper(Mapper, Line).map_record({"a": 1, "name": "N", "lines": [{"a": 1}]}).values(shop="s")
        self.assertEqual(values["x"], ("Mapper", "s", False, "N"))
        self.assertEqual(values["line_ids"], [Command.create({"x": ("Line", "s", True, "N")})])

    def test_sees_missing(self):
        """A modifier that sees what is missing is called for a missing key, wherever it stands."""

        @modifier(sees_missing=True)
        def absent(context, value, text="absent"):
            return text if value is MISSING else value

        class Mapper(ImportMapper):
            direct = [(convert(absent(convert("a", int)), list), "x"), (absent("b"), "y"), (absent("c.d", "-"), "z")]

        for kind in (dict, MappingProxyType):
            values = self.values(Mapper, kind({"b": None, "c": {}}))
            self.assertEqual(values, {"x": list("absent"), "y": False, "z": "-"})

    def test_becomes_missing(self):
        """A modifier may leave the target out."""

        @modifier
        def only_positive(context, value):
            return value if value > 0 else MISSING

        class Mapper(ImportMapper):
            direct = [(only_positive("a"), "x"), (convert(only_positive("b"), str), "y")]

        self.assertEqual(self.values(Mapper, {"a": -1, "b": -1}), {})
        self.assertEqual(self.values(Mapper, {"a": 1, "b": 1}), {"x": 1, "y": "1"})

    def test_prefetch(self):
        """A modifier may look up in one go what `map_many` will ask it for, after the modifiers before it."""
        asked = []

        def look_up(context, values, prefix):
            asked.append((context.target, [value for value in values if value is not MISSING], prefix))

        @modifier(prefetch=look_up)
        def found(context, value, prefix):
            return f"{prefix}{value}"

        class Mapper(ImportMapper):
            direct = [(found(convert("a", int), "#"), "x")]

        sources = [{"a": "1"}, {}, {"a": "2"}]
        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.map_many(sources), [{"x": "#1"}, {}, {"x": "#2"}])
        self.assertEqual(asked, [("x", [1, 2], "#")])
        with mapper.prefetch([*sources, {"a": "?"}]):
            self.assertEqual(mapper.map_record(sources[0]).values(), {"x": "#1"})
            self.assertEqual(mapper.map_many(sources)[2], {"x": "#2"})
        self.assertEqual(len(asked), 2)

    def test_repr(self):
        """A modifier shows itself as it was written."""
        self.assertEqual(repr(default(convert("a.b", int), 3)), "default(convert(a.b, int), 3)")

    def test_wrong_argument(self):
        """A modifier around something that is no source is refused where it is written."""
        with self.assertRaisesRegex(TypeError, "none.*42"):
            none(42)
