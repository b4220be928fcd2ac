"""Arguments of jobs come back exactly as they were."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytz
from dateutil import tz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree, html, objectify
from odoo import Command
from odoo.tests import BaseCase, TransactionCase, new_test_user, tagged

from ..queue.arguments import Caller, arguments_by_name, decode, dumps, encode, environment, masked, parameter_name

_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(max_size=40),
    st.dates(),
    st.datetimes(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
)
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(st.text(max_size=5), st.just("$"), st.just("v")), inner, max_size=4),
    ),
    max_leaves=12,
)


def _round_trip(value, env=None):
    return decode(json.loads(dumps(encode(value, "value"))), env)


def _same(one, other) -> bool:
    """Equal, and of the same types all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    return one == other


@tagged("post_install", "-at_install", "plain")
class TestArguments(BaseCase):
    @settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_values)
    def test_round_trip(self, value):
        """Whatever is accepted comes back equal and with the same types."""
        self.assertTrue(_same(_round_trip(value), value), value)

    def test_float_specials(self):
        """NaN, the infinities, -0.0 and large floats stay floats."""
        self.assertEqual(
            repr(_round_trip([float("nan"), float("inf"), -float("inf"), -0.0, 1e22])), "[nan, inf, -inf, -0.0, 1e+22]"
        )

    def test_aware_datetimes(self):
        """An aware datetime keeps its time zone: a fixed offset, or one with a name; so does the second of an hour."""
        paris, when = pytz.timezone("Europe/Paris"), datetime(2026, 1, 2, 3, 4, 5, 6)
        for value in (
            when.replace(tzinfo=timezone.utc),
            when.replace(tzinfo=timezone(timedelta(hours=2, minutes=30))),
            when.replace(tzinfo=ZoneInfo("Europe/Paris")),
            datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Paris"), fold=1),
            datetime(2026, 10, 25, 2, 30, fold=1),
            pytz.utc.localize(when),
            paris.localize(datetime(2026, 7, 1)),
            paris.localize(datetime(2026, 10, 25, 2, 30), is_dst=True),
            paris.localize(datetime(2026, 10, 25, 2, 30), is_dst=False),
        ):
            back = _round_trip(value)
            self.assertEqual(repr(back), repr(value))
            self.assertEqual((back.tzinfo, back.fold), (value.tzinfo, value.fold))
        with pytz.open_resource("Europe/Paris") as file:
            nameless = ZoneInfo.from_file(file)
        for zone in (timezone(timedelta(hours=1), "CET"), paris, tz.tzlocal(), pytz.FixedOffset(60), nameless):
            with self.assertRaisesRegex(TypeError, "when"):
                encode(when.replace(tzinfo=zone), "when")
        with self.assertRaisesRegex(TypeError, "when"):
            encode(paris.localize(when).replace(fold=1), "when")

    def test_decimals(self):
        """A Decimal keeps its digits, exponent and sign, NaN included."""
        for text in (
            "1.10",
            "-0",
            "1E+30",
            "1E-30",
            "NaN",
            "-sNaN123",
            "Infinity",
            "0.1000000000000000055511151231257827",
        ):
            self.assertEqual(repr(_round_trip(Decimal(text))), repr(Decimal(text)))

    def test_xml(self):
        """An lxml element keeps its children, text and tail; entities are not resolved on the way."""
        element = etree.fromstring("<a x='1'>\N{EURO SIGN}<b/>t</a>")
        element.tail = " after"
        back = _round_trip(element)
        self.assertEqual(etree.tostring(back, encoding="unicode"), '<a x="1">\N{EURO SIGN}<b/>t</a> after')

    def test_xml_exact(self):
        """Name spaces (those from above too), CDATA, comments, white space and carriage returns are kept."""
        text = (
            "<o xmlns='urn:o' xmlns:p='urn:p'><p:a p:x='1&#10;2'> <![CDATA[<&>]]> <!--c--><?pi d?>"
            "\r&#13;\n<b/>t</p:a>u</o>"
        )
        element = etree.fromstring(text, etree.XMLParser(strip_cdata=False))[0]
        back = _round_trip(element)
        self.assertEqual(etree.tostring(back), etree.tostring(element))
        self.assertEqual((back.nsmap, back.tail), (element.nsmap, "u"))

    def test_xml_large(self):
        """An element may be as large and as deep as what a job is given."""
        element = etree.fromstring(f"<a>{'<b>' * 200}{'</b>' * 200}</a>")
        element[0].text = "x" * 10_000_001
        self.assertEqual(len(_round_trip(element)[0].text), len(element[0].text))

    def test_xml_refused(self):
        """Of lxml elements those are refused that would come back as another kind, or not at all."""
        entity = etree.fromstring("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", etree.XMLParser(resolve_entities=False))
        for value in (
            etree.Comment("c"),
            etree.PI("p"),
            html.fromstring("<p>x</p>"),
            objectify.fromstring("<a/>"),
            entity,
        ):
            with self.assertRaisesRegex(TypeError, "node"):
                encode(value, "node")

    def test_refused(self):
        """What would not come back as it was is refused, and the error names the argument."""

        class Text(str):
            __slots__ = ()

        for value in ({1, 2}, object(), Text("x"), {1: 2}, [{"a": {3}}], len, date, b"x".join, 1j):
            with self.assertRaises(TypeError) as caught:
                encode(value, "lines")
            self.assertIn("lines", str(caught.exception))

    def test_position_in_error(self):
        """The error says where in the argument the refused value is."""
        with self.assertRaisesRegex(TypeError, r"vals\[1\]\['a'\]"):
            encode([1, {"a": {2}}], "vals")

    def test_masked(self):
        """A call that is shown has its secrets replaced, at any depth."""
        tagged_dict = encode({"$": 1, "token": ("K3",), "city": "Bern"}, "x")
        args = [{"api_key": "K1", "name": "n"}, "K2", tagged_dict, "shown", [[{"token": "K4", "api_key": ""}]]]
        call = {"args": args, "kwargs": {"password": "P1"}, "ids": [1]}
        text = masked(json.dumps(call), ["one", "secret", "three", "four", "five"].__getitem__)
        for secret in ("K1", "K2", "K3", "K4", "P1"):
            self.assertNotIn(secret, text)
        for shown in ('"name": "n"', "Bern", "shown", '"api_key": ""'):
            self.assertIn(shown, text)

    def test_masked_odd(self):
        """What is no stored call can be shown, too."""
        for text in ("[1]", "{}", '{"args": 1}', "not JSON", ""):
            self.assertTrue(masked(text, "number {}".format))

    def test_by_name(self):
        """Arguments are named as the method's parameters; more than it takes have no name."""

        def method(self, one, *, two=2):
            """Take one positional argument and one by name."""

        self.assertEqual(arguments_by_name(method, (1,), {"two": 3}), {"one": 1, "two": 3})
        self.assertEqual(arguments_by_name(method, (1, 2), {"two": 3}), {"two": 3})
        self.assertEqual([parameter_name(method, n) for n in range(2)], ["one", "number 2"])
        self.assertEqual(parameter_name(None, 0), "number 1")


@tagged("post_install", "-at_install", "transaction")
class TestArgumentsRecords(TransactionCase):
    def test_records(self):
        """Records come back in the job's environment, in order, empty ones too."""
        partners = self.env["res.partner"].create([{"name": "a"}, {"name": "b"}])
        back = _round_trip({"p": partners[::-1], "none": self.env["res.users"]}, self.env)
        self.assertEqual(back["p"].ids, partners[::-1].ids)
        self.assertEqual(back["p"]._name, "res.partner")
        self.assertEqual(back["none"], self.env["res.users"])

    def test_commands(self):
        """What Command makes for a field with lines is what it was."""
        lines = [Command.create({"name": "a"}), Command.link(3), Command.clear(), Command.set([1])]
        self.assertEqual(_round_trip(lines), lines)
        self.assertIs(_round_trip(lines)[0][0], Command.CREATE)

    def test_unsaved_records(self):
        """Records that are not saved are refused."""
        with self.assertRaisesRegex(TypeError, "not saved"):
            encode(self.env["res.partner"].new({"name": "x"}), "partner")

    def test_parameter_named(self):
        """The error of as_job names the parameter, given by position or by name."""
        partner = self.env["res.partner"].create({"name": "a"})
        with self.assertRaisesRegex(TypeError, "vals"):
            partner.as_job().write({"child_ids": {1}})
        with self.assertRaisesRegex(TypeError, "vals"):
            partner.as_job().write(vals={"child_ids": {1}})
        with self.assertRaisesRegex(TypeError, r"field_names\[1\]"):
            partner.as_job().fetch(["name", {1}])
        probe = patch.object(self.registry["res.partner"], "probe", lambda self, *lines: None, create=True)
        for args, refused in (((1, {2}), 1), (({1}, 2), 0)):
            with probe, self.assertRaisesRegex(TypeError, rf"lines\[{refused}\]"):
                partner.as_job().probe(*args)

    def test_environment_of_records(self):
        """Records that are arguments keep an environment of their own: user, su, company, language; kept keys."""
        user = new_test_user(self.env, "other", "base.group_user")
        company = self.env["res.company"].create({"name": "Second"})
        partner = self.env["res.partner"].create({"name": "a"})
        mine = partner.with_user(user)
        caller = Caller(mine.env, ["kept"])

        def back(value):
            env = environment(self.env.cr, user.id, json.loads(dumps(caller.call())))
            return decode(json.loads(dumps(encode(value, "value", caller))), env).env

        self.assertNotIn("env", encode(mine.with_context(dropped=1), "value", caller))
        self.assertEqual((back(mine).uid, back(mine).su), (user.id, False))
        self.assertTrue(back(mine.sudo()).su)
        self.assertFalse(back(mine.sudo()).context.get("dropped"))
        self.assertEqual(back(partner).uid, self.env.uid)
        self.assertEqual(back(mine.with_company(company).sudo()).company, company)
        self.assertEqual(back(mine.with_context(lang="fr_FR")).context["lang"], "fr_FR")
        self.assertEqual(back(mine.with_context(kept=date(2026, 1, 2))).context["kept"], date(2026, 1, 2))
