"""Children: commands on import, lists of dicts on export."""

from odoo.fields import Command
from odoo.tests import tagged

from ..exceptions import MappingError, NoUnitError
from ..mappings import ExportMapper, ImportMapper, convert, external_to_m2o, mapping, only_create
from .mappings_common import FakeBinder, FakeBinding, FakeField, FakeLine, FakeModel, MappingCase


class Order(ImportMapper):
    direct = [("ref", "name")]
    children = [("lines", "line_ids", "line")]


class Line(ImportMapper):
    _apply_on = "line"
    direct = [("id", "external_id"), (convert("qty", int), "quantity")]

    @only_create
    @mapping
    def created(self, record):
        return {"created": True}


def line(id, external_id, **more):
    return FakeLine(id=id, external_id=external_id, **more)


@tagged("post_install", "-at_install", "plain")
class TestMappingsChildrenImport(MappingCase):
    def test_create(self):
        """Without a record to write on, each child is created, `only_create` methods included."""
        values = self.mapper(Order, Line).map_record({"ref": "SO1", "lines": [{"id": 1, "qty": "2"}]}).values()
        self.assertEqual(
            values,
            {"name": "SO1", "line_ids": [Command.create({"external_id": 1, "quantity": 2, "created": True})]},
        )

    def test_update(self):
        """Known lines are updated without what is for new ones, new ones created, gone ones deleted."""
        binding = FakeBinding(line_ids=[line(10, "1"), line(20, "2")])
        source = {"lines": [{"id": 2, "qty": "5"}, {"id": 3, "qty": "6"}]}
        values = self.mapper(Order, Line).map_record(source).values(binding=binding)
        self.assertEqual(
            values["line_ids"],
            [
                Command.update(20, {"external_id": 2, "quantity": 5}),
                Command.create({"external_id": 3, "quantity": 6, "created": True}),
                Command.delete(10),
            ],
        )

    def test_one_after_another(self):
        """A mapper that maps for several records takes the lines of each, and none of them where it maps for none."""
        mapper = self.mapper(Order, Line)
        map_record = mapper.map_record({"lines": [{"id": 1}]})
        for expected in (Command.update(10, {"external_id": 1}), Command.update(20, {"external_id": 1})):
            binding = FakeBinding(line_ids=[line(expected[1], "1")])
            self.assertEqual(map_record.values(binding=binding), {"line_ids": [expected]})
            self.assertEqual(map_record.values(), {"line_ids": [Command.create({"external_id": 1, "created": True})]})

    def test_archived(self):
        """Archived lines are known too."""
        binding = FakeBinding(line_ids=[])
        self.mapper(Order, Line).map_record({"lines": []}).values(binding=binding)
        self.assertEqual(binding.context, {"active_test": False})

    def test_missing_and_none(self):
        """A missing key leaves the lines alone; None and an empty list delete them all."""
        map_record = self.mapper(Order, Line).map_record
        binding = FakeBinding(line_ids=[line(10, "1")])
        self.assertEqual(map_record({}).values(binding=binding), {})
        for empty in (None, [], False, ""):
            values = map_record({"lines": empty}).values(binding=binding)
            self.assertEqual(values, {"line_ids": [Command.delete(10)]})
            self.assertEqual(map_record({"lines": empty}).values(), {"line_ids": []})

    def test_id_zero(self):
        """0 is an id."""
        binding = FakeBinding(line_ids=[line(10, "0")])
        values = self.mapper(Order, Line).map_record({"lines": [{"id": 0}]}).values(binding=binding)
        self.assertEqual(values["line_ids"], [Command.update(10, {"external_id": 0})])

    def test_lines_without_key(self):
        """A line that was never there, as it has no external id yet, is not gone."""
        binding = FakeBinding(line_ids=[line(10, False), line(20, "2")])
        values = self.mapper(Order, Line).map_record({"lines": []}).values(binding=binding)
        self.assertEqual(values["line_ids"], [Command.delete(20)])

    def test_children_without_key(self):
        """Children that have no key cannot be recognised: they replace the lines that have none."""
        binding = FakeBinding(line_ids=[line(10, False), line(20, "2")])
        source = {"lines": [{"qty": 1}, {"id": 2, "qty": 2}]}
        values = self.mapper(Order, Line).map_record(source).values(binding=binding)
        self.assertEqual(
            values["line_ids"],
            [
                Command.create({"quantity": 1, "created": True}),
                Command.update(20, {"external_id": 2, "quantity": 2}),
                Command.delete(10),
            ],
        )

    def test_same_key_twice(self):
        """Two children with one key are an error, not two lines."""
        binding = FakeBinding(line_ids=[line(10, "1")])
        with self.assertRaisesRegex(MappingError, r"line_ids\[1\].*two children with external_id '1'"):
            self.mapper(Order, Line).map_record({"lines": [{"id": 1}, {"id": "1"}]}).values(binding=binding)

    def test_key_from_method(self):
        """A key that a method makes is recognised as well, and `only_create` still holds."""

        class KeyLine(ImportMapper):
            _apply_on = "line"
            direct = [("qty", "quantity")]

            @mapping
            def external_id(self, record):
                return {"external_id": f"{record['a']}-{record['b']}"}

            @only_create
            @mapping
            def created(self, record):
                return {"created": True}

        binding = FakeBinding(line_ids=[line(10, "1-2"), line(20, "1-3")])
        source = {"lines": [{"a": 1, "b": 2, "qty": 1}, {"a": 1, "b": 4, "qty": 2}]}
        values = self.mapper(Order, KeyLine).map_record(source).values(binding=binding)
        self.assertEqual(
            values["line_ids"],
            [
                Command.update(10, {"external_id": "1-2", "quantity": 1}),
                Command.create({"external_id": "1-4", "quantity": 2, "created": True}),
                Command.delete(20),
            ],
        )

    def test_skip_item(self):
        """A child that `skip_item` leaves out is as one that is not there; its parent is known."""

        class SkippingLine(Line):
            def skip_item(self, map_record):
                return map_record.parent.source["ref"] == "SO1" and map_record.source["id"] == self.options.skipped

        binding = FakeBinding(line_ids=[line(10, "1")])
        source = {"ref": "SO1", "lines": [{"id": 1}, {"id": 2}]}
        values = self.mapper(Order, SkippingLine).map_record(source).values(binding=binding, skipped=1)
        self.assertEqual(values["line_ids"], [Command.create({"external_id": 2, "created": True}), Command.delete(10)])

    def test_hooks_of_lines(self):
        """What a child is turns out after `skip_item`; then its line and whether it is new are options."""
        seen = []

        class SeeingLine(Line):
            def skip_item(self, map_record):
                seen.append(("skip_item", self.options.for_create, self.options.binding))

            def finalize_child(self, map_record, values):
                seen.append(("finalize_child", self.options.for_create, self.options.binding))
                return values

        known = line(10, "1")
        mapper = self.mapper(Order, SeeingLine)
        source = {"ref": "SO1", "lines": [{"id": 1}, {"id": 2}, {"id": 3}]}
        mapper.map_record(source).values(binding=FakeBinding(line_ids=[known]))
        self.assertEqual(
            seen,
            [
                ("skip_item", False, None),
                ("finalize_child", False, known),
                ("skip_item", False, None),
                ("finalize_child", True, None),
                ("skip_item", False, None),
                ("finalize_child", True, None),
            ],
        )
        seen.clear()
        mapper.map_record(source).values(for_create=True)
        self.assertEqual(set(seen), {("skip_item", True, None), ("finalize_child", True, None)})

    def test_hooks_of_children_alone(self):
        """The hooks for children are for children: records that are mapped for themselves are not skipped."""

        class SkippingLine(Line):
            def skip_item(self, map_record):
                return True

        self.assertEqual(self.mapper(SkippingLine).map_many([{"id": 1}]), [{"external_id": 1}])

    def test_finalize_child(self):
        """`finalize_child` has the last word on a child, after `finalize`."""

        class FinalLine(Line):
            def finalize(self, map_record, values):
                return {**values, "order": ["finalize"]}

            def finalize_child(self, map_record, values):
                values["order"].append(map_record.parent.source["ref"])
                values["option"] = self.options.tag
                return values

        values = self.mapper(Order, FinalLine).map_record({"ref": "SO1", "lines": [{"id": 1}]}).values(tag="t")
        self.assertEqual(
            values["line_ids"],
            [Command.create({"external_id": 1, "created": True, "order": ["finalize", "SO1"], "option": "t"})],
        )

    def test_options(self):
        """Options reach children, and `current` tells a child's methods its parent."""

        class OptionLine(ImportMapper):
            _apply_on = "line"

            @mapping
            def x(self, record):
                return {"x": self.options.tag, "ref": self.current.parent.source["ref"]}

        mapper = self.mapper(Order, OptionLine)
        values = mapper.map_record({"ref": "SO1", "lines": [{}]}).values(tag="t")
        self.assertEqual(values["line_ids"], [Command.create({"x": "t", "ref": "SO1"})])
        self.assertIsNone(mapper.current)

    def test_tree(self):
        """A mapper may map children of its own model, each with its own options in place."""

        class Category(ImportMapper):
            direct = [("name", "name")]
            children = [("children", "child_ids", "parent")]

            @mapping
            def new(self, record):
                return {"new": self.options.for_create}

        source = {"name": "a", "children": [{"name": "b", "children": []}]}
        self.assertEqual(
            self.mapper(Category).map_record(source).values(),
            {
                "name": "a",
                "new": False,
                "child_ids": [Command.create({"name": "b", "new": True, "child_ids": []})],
            },
        )

    def test_grandchildren(self):
        """The children of a known line are recognised too."""

        class Middle(ImportMapper):
            _apply_on = "middle"
            direct = [("id", "external_id")]
            children = [("lines", "line_ids", "line")]

        class Top(ImportMapper):
            children = [("middles", "middle_ids", "middle")]

        class Known(FakeBinding):
            id = 5

            def __getitem__(self, name):
                return "7" if name == "external_id" else super().__getitem__(name)

            def get(self, name):
                return self[name]

        binding = FakeBinding(middle_ids=[Known(line_ids=[line(10, "1")])])
        source = {"middles": [{"id": 7, "lines": [{"id": 1, "qty": 3}]}]}
        values = self.mapper(Top, Middle, Line).map_record(source).values(binding=binding)
        self.assertEqual(
            values["middle_ids"],
            [
                Command.update(
                    5, {"external_id": 7, "line_ids": [Command.update(10, {"external_id": 1, "quantity": 3})]}
                )
            ],
        )

    def test_dotted_key(self):
        """The list of children may be inside something."""

        class Dotted(ImportMapper):
            children = [("order.lines", "line_ids", "line")]

        values = self.mapper(Dotted, Line).map_record({"order": {"lines": [{"id": 1}]}}).values()
        self.assertEqual(values, {"line_ids": [Command.create({"external_id": 1, "created": True})]})

    def test_no_list(self):
        """A mapping or a text where a list of children should be is an error of the target."""
        for wrong in ({"id": 1}, "text", 5):
            with self.assertRaisesRegex(MappingError, "line_ids: .*list of children"):
                self.mapper(Order, Line).map_record({"lines": wrong}).values()

    def test_empty_object(self):
        """An empty object in place of a list is an empty list; an empty list for a child is an error of its place."""
        mapper = self.mapper(Order, Line)
        self.assertEqual(mapper.map_record({"lines": {}}).values(), {"line_ids": []})
        with self.assertRaisesRegex(MappingError, r"line_ids\[1\]: .*not list \(source 'lines\[1\]'\)"):
            mapper.map_record({"lines": [{"id": 1}, []]}).values()

    def test_map_record_of_lines(self):
        """An override of `map_record` is called for each source, of children and of `map_many` too."""

        class OwnOrder(Order):
            def map_record(self, source, parent=None):
                return super().map_record({**source, "ref": source["id"], "lines": source["items"]}, parent)

        class OwnLine(Line):
            def map_record(self, source, parent=None):
                return super().map_record({"id": f"{parent.source['ref']}-{source}"}, parent)

        mapper = self.mapper(OwnOrder, OwnLine)
        source = {"id": 5, "items": [1, 2]}
        lines = [Command.create({"external_id": f"5-{number}", "created": True}) for number in (1, 2)]
        expected = {"name": 5, "line_ids": lines}
        self.assertEqual(mapper.map_record(source).values(), expected)
        self.assertEqual(mapper.map_many([source, source]), [expected, expected])
        binding = FakeBinding(line_ids=[line(10, "5-1")])
        values = mapper.map_record(source).values(binding=binding)
        self.assertEqual(values["line_ids"], [Command.update(10, {"external_id": "5-1"}), lines[1]])

    def test_no_mapper(self):
        """A missing mapper of the children is what it is, no field's error."""
        with self.assertRaises(NoUnitError):
            self.mapper(Order).map_record({"lines": [{}]}).values()


@tagged("post_install", "-at_install", "plain")
class TestMappingsChildrenKey(MappingCase):
    models = (
        FakeModel(
            "line",
            {"website_id": FakeField("website", "many2one"), "external_id": FakeField()},
            _external_key=("website_id", "external_id"),
        ),
        FakeModel("website", _is_connector_binding=True),
    )

    def test_composite(self):
        """A key of several columns is recognised by all of them, a many2one by its id."""

        class WebsiteLine(ImportMapper):
            _apply_on = "line"
            direct = [("id", "external_id"), (external_to_m2o("site"), "website_id")]

        FakeBinder.IDS = {"website": {"1": 11, "2": 12}}
        binding = FakeBinding(line_ids=[line(10, "5", website_id=11), line(20, "5", website_id=12)])
        source = {"lines": [{"id": 5, "site": 2}]}
        values = self.mapper(Order, WebsiteLine).map_record(source).values(binding=binding)
        self.assertEqual(
            values["line_ids"],
            [Command.update(20, {"external_id": 5, "website_id": 12}), Command.delete(10)],
        )


@tagged("post_install", "-at_install", "plain")
class TestMappingsChildrenExport(MappingCase):
    class Order(ExportMapper):
        direct = [("name", "ref")]
        children = [("lines", "items", "line")]

    class Line(ExportMapper):
        _apply_on = "line"
        direct = [("quantity", "qty")]

    def test_list(self):
        """Children are a list of dicts."""
        mapper = self.mapper(self.Order, self.Line)
        values = mapper.map_record({"name": "SO1", "lines": [{"quantity": 1}, {"quantity": 2}]}).values()
        self.assertEqual(values, {"ref": "SO1", "items": [{"qty": 1}, {"qty": 2}]})

    def test_empty(self):
        """No children are an empty list."""
        mapper = self.mapper(self.Order, self.Line)
        self.assertEqual(mapper.map_record({"lines": None}).values(), {"items": []})

    def test_hooks(self):
        """`skip_item` and `finalize_child` work on export too, with the options."""

        class HookLine(self.Line):
            def skip_item(self, map_record):
                return map_record.source["quantity"] == 0

            def finalize_child(self, map_record, values):
                return {**values, "tag": self.options.tag}

        mapper = self.mapper(self.Order, HookLine)
        values = mapper.map_record({"lines": [{"quantity": 0}, {"quantity": 2}]}).values(tag="t")
        self.assertEqual(values, {"items": [{"qty": 2, "tag": "t"}]})

    def test_for_create(self):
        """Children of a new record are new as well, those of another are not."""

        class CreateLine(self.Line):
            @only_create
            @mapping
            def new(self, record):
                return {"new": True}

        mapper, source = self.mapper(self.Order, CreateLine), {"lines": [{"quantity": 1}]}
        for for_create, expected in ((True, [{"qty": 1, "new": True}]), (False, [{"qty": 1}])):
            self.assertEqual(mapper.map_record(source).values(for_create=for_create)["items"], expected)
            (values,) = mapper.map_many([source], for_create=for_create)
            self.assertEqual(values["items"], expected)
