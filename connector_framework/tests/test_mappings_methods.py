"""Mapping methods, inheritance, options, and the selection of fields."""

from collections.abc import Mapping

from odoo.tests import tagged

from ..exceptions import ConfigurationError, MappingError
from ..mappings import ExportMapper, ImportMapper, changed_by, convert, default, mapping, only_create
from .mappings_common import MappingCase


@tagged("post_install", "-at_install", "plain")
class TestMappingsMethods(MappingCase):
    def test_mapping(self):
        """What a mapping method returns goes into the values; None is nothing."""

        class Mapper(ImportMapper):
            @mapping
            def street(self, record):
                return {"street": record["s"], "street2": False}

            @mapping
            def nothing(self, record):
                return None

            def no_mapping(self, record):
                return {"wrong": True}

        self.assertEqual(self.values(Mapper, {"s": "Rue"}), {"street": "Rue", "street2": False})

    def test_method_after_direct(self):
        """A method has the last word over a direct entry."""

        class Mapper(ImportMapper):
            direct = [("a", "x")]

            @mapping
            def x(self, record):
                return {"x": record["a"] + 1}

        self.assertEqual(self.values(Mapper, {"a": 1}), {"x": 2})

    def test_only_create(self):
        """`only_create` methods run for a new record only, whatever the order of the decorators."""

        class Mapper(ImportMapper):
            @only_create
            @mapping
            def first(self, record):
                return {"first": 1}

            @mapping
            @only_create
            def second(self, record):
                return {"second": 2}

            @mapping
            def always(self, record):
                return {"always": 3}

        map_record = self.mapper(Mapper).map_record({})
        self.assertEqual(map_record.values(for_create=True), {"first": 1, "second": 2, "always": 3})
        self.assertEqual(map_record.values(), {"always": 3})

    def test_not_a_mapping(self):
        """A decorator of mapping methods without `mapping` is refused, naming the method."""
        with self.assertRaisesRegex(ConfigurationError, "Mapper.*street"):

            class Mapper(ImportMapper):
                @changed_by("a")
                def street(self, record):
                    return {}

    def test_unnamed_argument(self):
        """A text in place of the method says what is wrong."""
        with self.assertRaisesRegex(TypeError, "'address'.*name the argument"):
            mapping("address")

    def test_changed_by_nothing(self):
        """`changed_by` needs names."""
        for arguments in ((), (len,)):
            with self.assertRaises(ValueError):
                changed_by(*arguments)

    def test_plain_function(self):
        """A mapping method is a method like any other."""

        class Mapper(ImportMapper):
            @mapping
            @changed_by("a")
            def base(self, record):
                return {"x": record["a"]}

            @mapping
            def again(self, record):
                return {"y": self.base(record)["x"]}

        self.assertEqual(self.values(Mapper, {"a": 1}), {"x": 1, "y": 1})


@tagged("post_install", "-at_install", "plain")
class TestMappingsInheritance(MappingCase):
    def test_add_up(self):
        """Definitions of all bases add up, mixins included."""

        class Mixin:
            direct = [("m", "mixin")]

            @mapping
            def from_mixin(self, record):
                return {"method_of_mixin": True}

        class Base(ImportMapper):
            direct = [("a", "x")]

            @mapping
            def base(self, record):
                return {"base": True}

        class Mapper(Mixin, Base):
            direct = [("b", "y")]

            @mapping
            def own(self, record):
                return {"own": True}

        values = self.values(Mapper, {"a": 1, "b": 2, "m": 3})
        self.assertEqual(values, {"x": 1, "y": 2, "mixin": 3, "base": True, "own": True, "method_of_mixin": True})
        self.assertEqual(self.values(Base, {"a": 1, "b": 2}), {"x": 1, "base": True})

    def test_override_method(self):
        """A method of the same name takes the base's place, decorators included."""

        class Base(ImportMapper):
            @mapping
            @changed_by("a")
            def x(self, record):
                return {"x": "base"}

        class Mapper(Base):
            @mapping
            @changed_by("b")
            def x(self, record):
                return {"x": "own", "from_base": super().x(record)["x"]}

        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.map_record({}).values(), {"x": "own", "from_base": "base"})
        self.assertEqual(mapper.map_record({}).values(fields=["a"]), {})
        self.assertEqual(mapper.source_fields(), {"b"})

    def test_override_undecorated(self):
        """An override without decorators keeps those of the base."""

        class Base(ImportMapper):
            @only_create
            @mapping
            @changed_by("a")
            def x(self, record):
                return {"x": "base"}

        class Mapper(Base):
            def x(self, record):
                return {"x": "own"}

        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.map_record({}).values(for_create=True), {"x": "own"})
        self.assertEqual(mapper.map_record({}).values(), {})
        self.assertEqual(mapper.source_fields(), {"a"})

    def test_take_out_method(self):
        """`name = None` takes a base's method out."""

        class Base(ImportMapper):
            @mapping
            def x(self, record):
                return {"x": "base"}

        class Mapper(Base):
            x = None

        self.assertEqual(self.values(Mapper, {}), {})

    def test_override_target(self):
        """An entry for a target that a base fills takes the place of the base's entry."""

        class Base(ImportMapper):
            direct = [("a", "x"), ("a", "y")]

        class Mapper(Base):
            direct = [("b", "x")]

        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.map_record({"a": 1, "b": 2}).values(), {"x": 2, "y": 1})
        self.assertEqual(mapper.map_record({"a": 1}).values(), {"y": 1})

    def test_collected_once(self):
        """Definitions are collected when the class is made: no mapping and no session looks at the class again."""

        class Base(ImportMapper):
            direct = [("a", "x")]

        class Mapper(Base):
            direct = [("b", "y")]

        Base.direct = Mapper.direct = 5
        self.assertEqual(self.values(Base, {"a": 1}), {"x": 1})
        self.assertEqual(self.values(Mapper, {"a": 1, "b": 2}), {"x": 1, "y": 2})


@tagged("post_install", "-at_install", "plain")
class TestMappingsOptions(MappingCase):
    def test_options(self):
        """Options are known inside, one that was not given is None; afterwards they are gone."""

        class Mapper(ImportMapper):
            @mapping
            def x(self, record):
                assert "lang" in self.options and "foo" not in self.options
                return {"x": self.options.lang, "unknown": self.options.foo, "create": self.options.for_create}

        mapper = self.mapper(Mapper)
        values = mapper.map_record({}).values(lang="fr", for_create=True)
        self.assertEqual(values, {"x": "fr", "unknown": None, "create": True})
        self.assertIsNone(mapper.options.lang)

    def test_options_as_mapping(self):
        """Options read as a mapping, too."""

        class Mapper(ImportMapper):
            @mapping
            def x(self, record):
                options = self.options
                assert isinstance(options, Mapping) and len(options) == 4
                return {"get": (options.get("tag"), options.get("foo", 1)), "item": options["tag"], "all": {**options}}

        values = self.values(Mapper, {}, tag="t")
        everything = {"tag": "t", "for_create": False, "fields": None, "binding": None}
        self.assertEqual(values, {"get": ("t", 1), "item": "t", "all": everything})
        self.assertEqual(dict(self.mapper(Mapper).options), {})
        with self.assertRaises(KeyError):
            self.mapper(Mapper).options["foo"]

    def test_options_named_like_methods(self):
        """An option may have any name, one of a mapping's methods too."""

        class Mapper(ImportMapper):
            @mapping
            def x(self, record):
                return {"x": self.options.items, "y": self.options.get("items"), "z": self.options.keys}

        values = self.values(Mapper, {}, items=3)
        self.assertEqual((values["x"], values["y"]), (3, 3))
        self.assertEqual(list(values["z"]()), ["items", "for_create", "fields", "binding"])

    def test_options_after_error(self):
        """Options are gone after an error as well."""

        class Mapper(ImportMapper):
            @mapping
            def x(self, record):
                raise ValueError

        mapper = self.mapper(Mapper)
        with self.assertRaises(MappingError):
            mapper.map_record({}).values(lang="fr")
        self.assertIsNone(mapper.options.lang)

    def test_update(self):
        """Forced values win over what was mapped, and over `finalize`, which sees them."""

        class Mapper(ImportMapper):
            direct = [("a", "x"), ("b", "y")]

            def finalize(self, map_record, values):
                return {**values, "y": "finalized", "seen": values["y"]}

        map_record = self.mapper(Mapper).map_record({"a": 1, "b": 2})
        map_record.update(y="forced")
        map_record.update({"z": 3})
        self.assertEqual(map_record.values(), {"x": 1, "y": "forced", "z": 3, "seen": "forced"})

    def test_update_by_method(self):
        """A method may force values of the record that is being mapped: of that one alone."""

        class Mapper(ImportMapper):
            direct = [("a", "x")]

            @mapping
            def force(self, record):
                if record["a"] == 1:
                    self.current.update(x="forced")

        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.map_many([{"a": 1}, {"a": 2}]), [{"x": "forced"}, {"x": 2}])
        self.assertEqual(mapper.map_record({"a": 1}).values(), {"x": "forced"})
        self.assertEqual(mapper.map_record({"a": 2}).values(), {"x": 2})

    def test_mapping_within(self):
        """A method may map another source with the same mapper; its own mapping goes on as before."""

        class Mapper(ImportMapper):
            @mapping
            def inner(self, record):
                if "inner" in record:
                    inner = self.map_record(record["inner"]).values(for_create=self.options.for_create)
                    return {"x": (inner, self.current.source["name"], self.options.tag)}
                return {"x": self.current.source["name"]}

        source = {"name": "outer", "inner": {"name": "inner"}}
        mapper = self.mapper(Mapper)
        for options in ({}, {}, {"tag": "t"}):
            expected = {"x": ({"x": "inner"}, "outer", options.get("tag"))}
            self.assertEqual(mapper.map_record(source).values(**options), expected)
            self.assertEqual(mapper.map_many([source], **options), [expected])

    def test_finalize(self):
        """`finalize` comes last, after methods and children, with the map record."""

        class Mapper(ImportMapper):
            direct = [("a", "x")]

            @mapping
            def y(self, record):
                return {"y": 2}

            def finalize(self, map_record, values):
                values["sum"] = values["x"] + values["y"] + map_record.source["more"]
                return values

        self.assertEqual(self.values(Mapper, {"a": 1, "more": 4}), {"x": 1, "y": 2, "sum": 7})

    def test_map_record(self):
        """A map record knows its source and its parent."""

        class Mapper(ImportMapper):
            pass

        mapper = self.mapper(Mapper)
        source = {"a": 1}
        parent = mapper.map_record(source)
        child = mapper.map_record({}, parent=parent)
        self.assertIs(parent.source, source)
        self.assertIsNone(parent.parent)
        self.assertIs(child.parent, parent)

    def test_map_many(self):
        """`map_many` maps each source, in order, with the same arguments."""

        class Mapper(ImportMapper):
            direct = [("a", "x"), ("b", "y")]

            @mapping
            def z(self, record):
                return {"z": self.options.tag}

        values = self.mapper(Mapper).map_many([{"a": 1, "b": 1}, {"a": 2}], fields=["a"], tag="t")
        self.assertEqual(values, [{"x": 1, "z": "t"}, {"x": 2, "z": "t"}])


@tagged("post_install", "-at_install", "plain")
class TestMappingsFields(MappingCase):
    class Mapper(ImportMapper):
        direct = [
            ("a", "x"),
            (convert("b", str), "y"),
            ("c.d", "z"),
            ("c.e", "w"),
            (default("missing", 1), "given"),
        ]
        children = [("lines", "line_ids", "child")]

        @mapping
        @changed_by("s1", "s2")
        def street(self, record):
            return {"street": record["s1"]}

        @mapping
        def always(self, record):
            return {"always": True}

    class Child(ImportMapper):
        _apply_on = "child"
        direct = [("a", "x")]

    SOURCE = {"a": 1, "b": 2, "c": {"d": 3, "e": 4}, "s1": "S", "lines": [{"a": 1}]}

    def selected(self, *fields):
        return set(self.mapper(self.Mapper, self.Child).map_record(self.SOURCE).values(fields=fields))

    def test_all(self):
        """`fields=None` maps all."""
        values = self.mapper(self.Mapper, self.Child).map_record(self.SOURCE).values(fields=None)
        self.assertEqual(set(values), {"x", "y", "z", "w", "given", "street", "always", "line_ids"})

    def test_direct(self):
        """A source field selects what it feeds, through a modifier too; unmarked methods run as well."""
        self.assertEqual(self.selected("a"), {"x", "always"})
        self.assertEqual(self.selected("b"), {"y", "always"})
        self.assertEqual(self.selected("missing"), {"given", "always"})

    def test_dotted(self):
        """The root of a dotted key selects all below it, a dotted name only its own."""
        self.assertEqual(self.selected("c"), {"z", "w", "always"})
        self.assertEqual(self.selected("c.d"), {"z", "always"})

    def test_changed_by(self):
        """Any of the fields of `changed_by` selects the method."""
        self.assertEqual(self.selected("s2"), {"street", "always"})

    def test_children(self):
        """The key of children selects them, with all that they have."""
        mapper = self.mapper(self.Mapper, self.Child)
        values = mapper.map_record(self.SOURCE).values(fields=["lines"])
        self.assertEqual(values, {"line_ids": [(0, 0, {"x": 1})], "always": True})

    def test_none_of_them(self):
        """`fields=[]` maps nothing, not even by unmarked methods; forced values are there."""
        map_record = self.mapper(self.Mapper, self.Child).map_record(self.SOURCE)
        self.assertEqual(map_record.values(fields=[]), {})
        map_record.update(x=1)
        self.assertEqual(map_record.values(fields=[]), {"x": 1})

    def test_unknown(self):
        """A field that feeds nothing selects the unmarked methods alone."""
        self.assertEqual(self.selected("unknown"), {"always"})

    def test_text(self):
        """A text instead of a list is refused: its letters are no fields."""
        with self.assertRaises(TypeError):
            self.mapper(self.Mapper, self.Child).map_record({}).values(fields="abc")

    def test_source_fields(self):
        """`source_fields` are the roots of all that is read, by the class or an instance."""
        expected = {"a", "b", "c", "missing", "s1", "s2", "lines"}
        self.assertEqual(self.Mapper.source_fields(), expected)
        self.assertEqual(self.mapper(self.Mapper, self.Child).source_fields(), expected)

    def test_undeclared_methods(self):
        """Methods that run for existing records and do not declare what they read are named."""

        class Mapper(ExportMapper):
            @mapping
            @changed_by("a")
            def declared(self, record):
                return {}

            @mapping
            def undeclared(self, record):
                return {}

            @only_create
            @mapping
            def new(self, record):
                return {}

        self.assertEqual(Mapper.undeclared_methods(), ["undeclared"])
        self.assertEqual(self.mapper(Mapper).undeclared_methods(), ["undeclared"])
        self.assertEqual(type("Sub", (Mapper,), {"undeclared": None}).undeclared_methods(), [])

    def test_no_fields(self):
        """`fields=[]` maps nothing, and `finalize` adds nothing; with other fields it is called."""

        class Mapper(ImportMapper):
            direct = [("a", "x")]

            def finalize(self, map_record, values):
                return {**values, "more": 1}

        self.assertEqual(self.values(Mapper, {"a": 1}, fields=[]), {})
        self.assertEqual(self.values(Mapper, {"a": 1}, fields=["a"]), {"x": 1, "more": 1})

    def test_undeclared_finalize(self):
        """`finalize` may read any field, too, unless it says which."""

        class Mapper(ExportMapper):
            def finalize(self, map_record, values):
                return values

        class Declared(ExportMapper):
            @changed_by("a", "b.c")
            def finalize(self, map_record, values):
                return {**values, "a": map_record.source["a"]}

        self.assertEqual((Mapper.undeclared_methods(), Mapper.source_fields()), (["finalize"], set()))
        self.assertEqual((Declared.undeclared_methods(), Declared.source_fields()), ([], {"a", "b"}))
        self.assertEqual(self.values(Declared, {"a": 1}), {"a": 1})
        self.assertEqual(ExportMapper.undeclared_methods(), [])

    def test_only_create(self):
        """`only_create` holds with a selection too."""

        class Mapper(ExportMapper):
            @only_create
            @mapping
            @changed_by("a")
            def x(self, record):
                return {"x": 1}

        mapper = self.mapper(Mapper)
        self.assertEqual(mapper.map_record({}).values(fields=["a"]), {})
        self.assertEqual(mapper.map_record({}).values(fields=["a"], for_create=True), {"x": 1})
