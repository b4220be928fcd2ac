"""Times and numbers."""

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

from odoo.tests import BaseCase, tagged

from ..mappings import to_decimal, to_tz, to_utc


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
        """Nothing stays nothing."""
        for value in (None, False, ""):
            self.assertIsNone(to_utc(value))
            self.assertIsNone(to_tz(value, "Europe/Zurich"))
            self.assertIsNone(to_decimal(value))

    def test_to_utc_unclear(self):
        """What is ambiguous or no time is refused."""
        for value in ("01/05/2026", "0000-00-00 00:00:00", "soon", True, [2026]):
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
