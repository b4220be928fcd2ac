"""Times, numbers, and nothing as other systems write them."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from odoo.tests import BaseCase, tagged

from ..exceptions import MappingError
from ..mappings import (
    ExportMapper,
    ImportMapper,
    convert,
    external_to_m2o,
    is_no_time,
    is_nothing,
    none,
    to_decimal,
    to_tz,
    to_utc,
)
from .mappings_common import FakeBinder, FakeField, FakeModel, MappingCase


@tagged("post_install", "-at_install", "plain")
class TestMappingsDatatypes(BaseCase):
    def test_to_utc(self):
        """Whatever says its offset is moved to UTC; the rest is in the given time zone."""
        noon = datetime(2026, 1, 1, 12)
        for value in (
            "2026-01-01 12:00:00",
            "2026-01-01T12:00:00Z",
            "2026-01-01T07:00:00-05:00",
            "2026-01-01 17:30:00+05:30",
            noon,
            noon.replace(tzinfo=timezone.utc),
            datetime(2026, 1, 1, 13, tzinfo=timezone(timedelta(hours=1))),
            1767268800,
        ):
            self.assertEqual(to_utc(value), noon, value)
            self.assertIsNone(to_utc(value).tzinfo)

    def test_to_utc_zone(self):
        """A time zone has its summer and winter time, and does not move what says its offset."""
        self.assertEqual(to_utc("2026-01-01 12:00:00", tz="Europe/Zurich"), datetime(2026, 1, 1, 11))
        self.assertEqual(to_utc("2026-07-01 12:00:00", tz="Europe/Zurich"), datetime(2026, 7, 1, 10))
        self.assertEqual(to_utc("2026-07-01 12:00:00Z", tz="Europe/Zurich"), datetime(2026, 7, 1, 12))

    def test_to_utc_date(self):
        """A date is its midnight in the time zone."""
        self.assertEqual(to_utc(date(2026, 7, 1), tz="Europe/Zurich"), datetime(2026, 6, 30, 22))
        self.assertEqual(to_utc("2026-07-01"), datetime(2026, 7, 1))

    def test_nothing(self):
        """Nothing stays nothing, whatever PHP and others write for it."""
        for value in (None, False, "", [], {}, ()):
            self.assertTrue(is_nothing(value), value)
            self.assertIsNone(to_utc(value))
            self.assertIsNone(to_tz(value, "Europe/Zurich"))
            self.assertIsNone(to_decimal(value))
        for value in (0, 0.0, "0", [None], {"a": None}, " "):
            self.assertFalse(is_nothing(value), value)

    def test_no_time(self):
        """Where a time is expected, 0 and zero dates are nothing, too; the epoch as a date is a date."""
        zeros = ("0000-00-00", "0000-00-00 00:00:00", "0000-00-00T00:00:00.000Z", "-0001-11-30T00:00:00+00:00")
        for value in (0, 0.0, "0", " ", "0001-01-01T00:00:00", *zeros):
            self.assertTrue(is_no_time(value), value)
            self.assertIsNone(to_utc(value, "Europe/Zurich"), value)
            self.assertIsNone(to_tz(value, "Europe/Zurich"), value)
        for value in ("1970-01-01", "1970-01-01 00:00:00", date(1970, 1, 1), datetime(1970, 1, 1)):
            self.assertEqual(to_utc(value), datetime(1970, 1, 1))
        self.assertFalse(is_no_time("00:00"))

    def test_to_utc_unclear(self):
        """What is ambiguous or no time is refused."""
        for value in ("01/05/2026", "soon", True, [2026], "2026-00-00"):
            with self.assertRaises(ValueError):
                to_utc(value)

    def test_to_tz(self):
        """Odoo's UTC is shown in a time zone, with its offset."""
        moment = to_tz(datetime(2026, 7, 1, 10), "Europe/Zurich")
        self.assertEqual(moment.isoformat(), "2026-07-01T12:00:00+02:00")
        self.assertEqual(to_utc(moment), datetime(2026, 7, 1, 10))

    def test_to_decimal(self):
        """Numbers and their texts are exact, without the noise of floats."""
        for value, text in (
            ("19.99", "19.99"),
            (19.99, "19.99"),
            (0.1 + 0.7, "0.7999999999999999"),
            (3, "3"),
            (" 5.0 ", "5.0"),
        ):
            self.assertEqual(str(to_decimal(value)), text)
        self.assertEqual(to_decimal("0.1") + to_decimal(0.2), Decimal("0.3"))
        self.assertEqual(to_decimal(0), Decimal(0))

    def test_to_decimal_digits(self):
        """Digits round half up, as merchants do."""
        for value, text in (
            ("2.675", "2.68"),
            (2.675, "2.68"),
            ("-2.675", "-2.68"),
            ("1", "1.00"),
            ("448.0000", "448.00"),
        ):
            self.assertEqual(str(to_decimal(value, digits=2)), text)
        self.assertEqual(str(to_decimal("2.5", digits=0)), "3")

    def test_to_decimal_unclear(self):
        """What is no finite number is refused, a decimal comma too."""
        for value in ("1,5", "abc", "NaN", "Infinity", float("nan"), float("inf"), [1], "1 000"):
            with self.assertRaises(ValueError):
                to_decimal(value)


@tagged("post_install", "-at_install", "plain")
class TestMappingsNothing(MappingCase):
    models = (
        FakeModel(
            "parent",
            {
                "name": FakeField(),
                "birthday": FakeField(type="date"),
                "seen_at": FakeField(type="datetime"),
                "website_id": FakeField("fake.website", "many2one"),
            },
        ),
        FakeModel("fake.website", _is_connector_binding=True),
    )

    class Mapper(ImportMapper):
        direct = [("name", "name"), ("dob", "birthday"), (convert("seen", to_utc), "seen_at"), ("at", "seen_at")]

    def errors(self, source):
        with self.assertRaises(MappingError) as caught:
            self.values(self.Mapper, source)
        return str(caught.exception)

    def test_no_time_clears(self):
        """What is no time clears a date or a datetime of Odoo, with and without a modifier; other fields keep it."""
        for nothing in (None, False, "", 0, "0", "0000-00-00", "0000-00-00 00:00:00", "0001-01-01T00:00:00Z", [], {}):
            values = self.values(self.Mapper, {"name": "0000-00-00", "dob": nothing, "seen": nothing})
            self.assertEqual(values, {"name": "0000-00-00", "birthday": False, "seen_at": False}, nothing)
            self.assertIs(values["birthday"], False)

    def test_times_stay(self):
        """What Odoo can read stays as it is."""
        source = {"dob": "1970-01-01", "at": "2026-07-01 12:00:00"}
        self.assertEqual(self.values(self.Mapper, source), {"birthday": "1970-01-01", "seen_at": "2026-07-01 12:00:00"})

    def test_unreadable_time(self):
        """What Odoo cannot read as a time is an error that names the field and the source, before it is written."""
        self.assertRegex(self.errors({"dob": "01.05.2026"}), r"birthday: ValueError.*\(source 'dob'\)")
        self.assertRegex(self.errors({"at": "2026-07-01T12:00:00+02:00"}), r"seen_at: ValueError.*\(source 'at'\)")

    def test_place_of_errors(self):
        """Of many records, and of children, the error names which one."""

        class Parent(ImportMapper):
            _apply_on = "order"
            children = [("people", "people_ids", "parent")]

        mapper = self.mapper(Parent, self.Mapper)
        with self.assertRaisesRegex(MappingError, r"\[1\]\.people_ids\[0\]\.birthday: .*'\[1\]\.people\[0\]\.dob'"):
            mapper.map_many([{"people": []}, {"people": [{"dob": "tomorrow"}]}])

    def test_models_of_targets(self):
        """Targets that name their models let zero dates be recognised; without, nothing is known of the fields."""

        class Split(ImportMapper):
            targets = {"person": "parent", "other": ""}
            direct = [("dob", "person.birthday"), ("dob", "other.birthday")]

        values = self.values(Split, {"dob": "0000-00-00"})
        self.assertEqual(values, {"person.birthday": False, "other.birthday": "0000-00-00"})

    def test_export(self):
        """An export mapper sends what it is given."""

        class Export(ExportMapper):
            direct = [("birthday", "birthday"), (convert("seen_at", to_utc), "seen")]

        values = self.values(Export, {"birthday": "0000-00-00", "seen_at": "0000-00-00"})
        self.assertEqual(values, {"birthday": "0000-00-00", "seen": None})

    def test_no_external_id(self):
        """What is nothing for any type is no external id; 0 is one, unless `none` takes it for None."""

        class Links(ImportMapper):
            direct = [(external_to_m2o("a"), "website_id")]

        class ZeroLinks(ImportMapper):
            direct = [(external_to_m2o(none("a", "0")), "website_id")]

        FakeBinder.IDS = {"fake.website": {"0": 10}}
        for nothing in (None, False, "", [], {}):
            self.assertEqual(self.values(Links, {"a": nothing}), {"website_id": False}, nothing)
            self.assertEqual(self.mapper(Links).map_many([{"a": nothing}] * 2), [{"website_id": False}] * 2)
        for zero in (0, "0"):
            self.assertEqual(self.values(Links, {"a": zero}), {"website_id": 10})
            self.assertEqual(self.values(ZeroLinks, {"a": zero}), {"website_id": False})
