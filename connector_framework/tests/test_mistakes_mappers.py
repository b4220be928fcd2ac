"""Mistakes in mappers that are found when a registry is loaded; what may be meant is left alone."""

from __future__ import annotations

import textwrap

from odoo.tests import BaseCase, tagged

from ..exceptions import ConfigurationError
from ..mappings import ImportMapper, changed_by, convert, default, external_to_m2o, mapping, modifier
from .mistakes_common import MistakeCase


def importing(body):
    return f"@shop\nclass Mapper(ImportMapper):\n    _apply_on = 'test.partner'\n{textwrap.indent(body, '    ')}\n"


def exporting(body):
    return importing(body).replace("ImportMapper", "ExportMapper")


@tagged("post_install", "-at_install", "transaction")
class TestSources(MistakeCase):
    """The fields that an export reads."""

    def test_direct(self):
        """A source that is no field is named with the field that was meant, behind a relation too."""
        for body, pattern in (
            (
                "direct = [('nmae', 'name')]",
                "Mapper.direct: the source 'nmae' is no field of test.partner. Did you mean",
            ),
            ("direct = [(convert('nmae', str), 'name')]", "the source 'nmae' is no field"),
            (
                "direct = [('country_id.cod', 'c')]",
                "'country_id.cod' names 'cod', no field of res.country. Did you mean",
            ),
            ("direct = [('name.x', 'c')]", "goes on behind 'name', a char of test.partner"),
            ("children = [('adress_ids', 'lines', 'test.address')]", "Mapper.children: the source 'adress_ids' is no"),
        ):
            self.assert_found(exporting(body) + LINES, pattern)

    def test_changed_by(self):
        """So is one of ``@changed_by``, of a mapping method or of ``finalize``."""
        method = "    return {'n': 1}"
        self.assert_found(
            exporting(f"@mapping\n@changed_by('nmae')\ndef n(self, record):\n{method}"),
            r"Mapper.n: @changed_by\('nmae'\) is no field of test.partner. Did you mean",
        )
        self.assert_found(
            exporting("@changed_by('nmae')\ndef finalize(self, map_record, values):\n    return values"),
            r"Mapper.finalize: @changed_by\('nmae'\) is no field",
        )

    def test_right(self):
        """Fields of the binding, of its record and of what that refers to are right; so is what an exporter brings."""
        self.assert_none(exporting("direct = [('name', 'n'), ('email', 'e'), ('country_id.code', 'c'), ('id', 'i')]"))
        self.assert_none(
            exporting("def map_record(self, source, parent=None):\n    return None\ndirect = [('x', 'n')]")
        )
        self.assert_none(exporting("sources = ('a', 'b')\ndirect = [('a.x', 'n')]"))
        self.assert_none(
            exporting("direct = [('stock', 'n')]")
            + "@shop\nclass MyExporter(Exporter):\n    _apply_on = 'test.partner'\n"
            "    def _map(self, for_create, fields):\n        return {}\n"
        )


LINES = """
@shop
class LineMapper(ExportMapper):
    _apply_on = "test.address"
    direct = [("name", "name")]

@shop
class ImportLineMapper(ImportMapper):
    _apply_on = "test.address"
    direct = [("name", "name")]
"""


@tagged("post_install", "-at_install", "transaction")
class TestTargets(MistakeCase):
    """The fields that an import fills."""

    def test_key_of_a_method(self):
        """A key that a mapping method returns is a target as well."""
        for returned in ("{'emial': 1}", "dict(emial=1)"):
            self.assert_found(
                importing(f"@mapping\ndef mail(self, record):\n    return {returned}"),
                "Mapper.mail: the key 'emial' is no field of test.partner. Did you mean 'email'",
            )

    def test_key_that_finalize_takes(self):
        """One that ``finalize`` takes out is right."""
        self.assert_none(
            importing(
                "@mapping\ndef mail(self, record):\n    return {'raw_mail': 1}\n"
                "def finalize(self, map_record, values):\n    values.pop('raw_mail')\n    return values"
            )
        )

    def test_twice(self):
        """A target that a class has twice may be meant."""
        self.assert_found(
            importing("direct = [('a', 'name'), ('b', 'name')]"), "the target 'name' 2 times", is_certain=False
        )

    def test_overridden(self):
        """A target that a subclass declares again takes the base's place, and is right."""
        self.assert_none(
            importing("direct = [('a', 'name')]").replace("@shop", "")
            + "@shop\nclass Mine(Mapper):\n    direct = [('b', 'name')]\n"
        )

    def test_lost(self):
        """What is written to a computed field is lost."""
        for name in ("display_name", "id"):
            self.assert_found(
                importing(f"direct = [('a', '{name}')]"), f"the target '{name}' is computed by Odoo", is_certain=False
            )
        self.assert_none(importing("direct = [('a', 'name'), ('b', 'website'), ('c', 'email')]"))

    def test_children(self):
        """Children need a list of records of their model, a model that exists, and a mapper for it."""
        self.assert_found(
            importing("children = [('a', 'city', 'test.address')]") + LINES, "'city' is a char of test.partner"
        )
        self.assert_found(
            importing("children = [('a', 'child_ids', 'test.address')]") + LINES, "has records of res.partner", False
        )
        self.assert_found(
            importing("children = [('a', 'address_ids', 'test.adress')]"),
            "names the model 'test.adress', .* Did you mean",
        )
        self.assert_found(
            importing("children = [('a', 'address_ids', 'test.address')]"),
            "Mapper.children: there is no ImportMapper for test.address on example",
        )
        self.assert_none(importing("children = [('a', 'address_ids', 'test.address')]") + LINES)

    def test_model_of_targets(self):
        """A misspelt model of ``targets``."""
        self.assert_found(
            importing("targets = {'a': 'res.partnr'}"),
            "'a' is for the model 'res.partnr', .* Did you mean 'res.partner'",
        )

    def test_returns_nothing(self):
        """A mapping method that works out values and returns none."""
        self.assert_found(
            importing("@mapping\ndef mail(self, record):\n    values = {'email': 1}"), "mail returns nothing", False
        )
        self.assert_none(importing("@mapping\ndef check(self, record):\n    if not record:\n        raise ValueError"))

    def test_without_source(self):
        """Where a source is missing, nothing is known and nothing is said."""
        module = self.load("")
        names = {"shop": module.shop, "ImportMapper": ImportMapper, "__name__": module.__name__}
        exec(
            importing(
                "direct = [('a', 'emial')]\ndef finalize(self, map_record, values):\n    return values\n"
                "def forgotten(self, record):\n    return {'email': 1}"
            ),
            names,
        )
        self.assertEqual(self.found("pass"), [])


@tagged("post_install", "-at_install", "transaction")
class TestRelations(MistakeCase):
    """The modifiers that lead to other records."""

    def test_import(self):
        for entry, pattern, is_certain in (
            ("(external_to_m2o('a'), 'city')", "'city' is a char, no relation", True),
            ("(external_to_m2o('a'), 'country_id')", "test.backend has no binding model on res.country", True),
            ("(external_to_m2o('a'), 'parent_id')", "test.backend has several binding models on res.partner", True),
            (
                "(external_to_m2o('a', 'test.partnr'), 'parent_id')",
                "'test.partnr', which does not exist. Did you",
                True,
            ),
            ("(external_to_m2o('a', 'res.partner'), 'parent_id')", "'res.partner', is no binding model", True),
            ("(external_to_m2m('a'), 'parent_id')", r"is a many2one: use external_to_m2o\(\)", True),
            ("(external_to_m2o('a'), 'category_id')", r"is a many2many: use external_to_m2m\(\)", True),
            ("(code_to_m2o('a', 'cod'), 'country_id')", "res.country has no field 'cod'. Did you mean 'code'", True),
            ("(code_to_m2o('a'), 'city')", "the target is a char, no relation", True),
            ("(m2o_to_external('a'), 'country_id')", r"is for an export; use external_to_m2o\(\)", False),
        ):
            self.assert_found(importing(f"direct = [{entry}]"), pattern, is_certain)
        self.assert_none(
            importing(
                "direct = [(external_to_m2o('a', 'test.partner'), 'parent_id'), (code_to_m2o('b'), 'country_id'),"
                " (external_to_m2m('t'), 'category_id'), (external_to_m2o('x', 'test.partner'), 'nothing')]\n"
                "def finalize(self, map_record, values):\n    values.pop('nothing')\n    return values"
            )
        )

    def test_export(self):
        for entry, pattern, is_certain in (
            ("(m2o_to_external('city'), 'a')", "'city' is a char, no relation", True),
            ("(m2o_to_external('country_id'), 'a')", "test.backend has no binding model on res.country", True),
            ("(external_to_m2o('country_id'), 'a')", r"is for an import; use m2o_to_external\(\)", False),
        ):
            self.assert_found(exporting(f"direct = [{entry}]"), pattern, is_certain)
        self.assert_none(exporting("direct = [(m2o_to_external('parent_id', 'test.partner'), 'a')]"))


@tagged("post_install", "-at_install", "plain")
class TestDefinitions(BaseCase):
    """What the class alone tells is refused when it is made."""

    def refused(self, pattern, **body):
        with self.assertRaisesRegex(ConfigurationError, pattern):
            type("Mapper", (ImportMapper,), body)

    def test_methods(self):
        """A mapping method takes a record and returns a dict."""

        def no_record(self):
            return {}

        def too_much(self, record, values):
            return {}

        def made_of_pairs(self, record):
            yield "name", 1

        self.refused(r"no_record is called as no_record\(record\)", no_record=mapping(no_record))
        self.refused("too_much.* missing a required argument: 'values'", too_much=mapping(too_much))
        self.refused("made_of_pairs is a generator: it has to return a dict", made_of_pairs=mapping(made_of_pairs))

    def test_methods_that_are_right(self):
        """Static methods, and those that take more by default or by name, are right."""

        class Mapper(ImportMapper):
            @mapping
            @staticmethod
            def one(record):
                return {"a": 1}

            @mapping
            def two(self, record, more=None, **others):
                return {"b": 1}

        self.assertEqual([method.name for method in Mapper._definition.methods], ["one", "two"])

    def test_decorated_property(self):
        """A decorator on something else than a method."""
        with self.assertRaisesRegex(TypeError, "a decorator of a mapping method got <property .*, which is no method"):
            mapping(property(lambda self: {}))
        with self.assertRaisesRegex(TypeError, "which is no method"):
            changed_by("a")(None)

    def test_children(self):
        """The model of children is named by a text."""
        self.refused("children: None is no name of a model", children=[("a", "b", None)])

    def test_modifiers(self):
        """A modifier that is not called, or not as it has to be, is named."""
        self.refused(r"neither a source key nor a modifier: call it, convert\(...\)", direct=[(convert, "name")])
        for make, pattern in (
            (lambda: convert("a"), r"convert\(\): missing .*'type'; it is used as convert\(source, type\)"),
            (lambda: convert("a", "int"), r"convert\(\) takes a type or a function, not 'int'"),
            (lambda: default("a"), r"default\(\): missing a required argument: 'value'"),
            (lambda: external_to_m2o("a", 5), "binding= takes the name of a binding model, not 5"),
            (lambda: modifier(lambda value: value), r"has to take the context and the value first"),
        ):
            with self.assertRaisesRegex(TypeError, pattern):
                make()
