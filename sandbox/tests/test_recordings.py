"""Compare the sandbox's answers with those of a running shop, call by call."""

from __future__ import annotations

import unittest
from typing import TYPE_CHECKING, ClassVar, Literal

from sandbox import Sandbox

from .recorded import Recording, Reply, plain, recordings, structs, types
from .replay import ADAPTED, Replay

#: What cannot be compared, and why: label -> reason.
NOT_COMPARED = {
    "order_list_bad_field": "the message has the shop's own SQL; code and beginning are compared",
}

#: Types that the sandbox sends and no recording shows, and why: (resource, path) -> types and reason.
#: Recorded lists are cut after some entries, so that rare orders are in none of them.
_VIRTUAL = "a virtual order has no shipping address, and no recorded list goes as far as the virtual one"
_REFUNDED = "no refunded order is in a recorded list"
_HELD = "no order on hold is in a recorded list: they are beyond where it was cut"
NOT_RECORDED: dict[tuple[str, str], tuple[str, str]] = {
    ("customer", "[].gender"): ("string: digits", "no recorded customer has told it"),
    **{
        ("sales_order", name): ("nil", _VIRTUAL)
        for name in ("firstname lastname telephone postcode shipping_firstname shipping_lastname shipping_name".split())
    },
    **{
        ("sales_order", f"{prefix}{name}_refunded"): ("string: decimal", _REFUNDED)
        for name in ("discount", "hidden_tax", "shipping", "shipping_tax", "subtotal", "tax", "total", "total_offline")
        for prefix in ("", "base_")
    },
    ("sales_order", "customer_dob"): ("string: date", "no buyer in the native recordings has told it"),
    ("sales_order", "customer_prefix"): ("string: text", "no buyer in the native recordings has one"),
    ("sales_order", "hold_before_state"): ("string: text", _HELD),
    ("sales_order", "hold_before_status"): ("string: text", _HELD),
}

#: Answers that have the same values, not only the same shapes; of a cut list those that were recorded.
SAME_VALUES = (
    "list_methods magento_info global_faults resource_faults store_list store_info customer_group_list "
    "attribute_set_list attribute_options product_types country_list region_list category_create category_update "
    "category_move category_delete product_create product_create_missing_name product_create_numeric_sku "
    "product_update stock_update customer_create customer_create_other_website customer_create_invalid "
    "address_create order_hold order_unhold order_cancel invoice_create_again shipment_carriers shipment_add_track "
    "multicall_without_options multicall_nested_paths end_session product_list_none stock_list_not_exists "
    "product_info_after_reset category_level_website media_list tier_price"
).split()


def _resource(recording: Recording) -> str:
    """Return what a call's answers are compared with: those of the method, of orders also of the other method."""
    method = recording.method or ""
    return "sales_order" if method in ("sales_order.list", "sales_order.info") else method.replace(".list", "")


def _path(recording: Recording, path: str) -> str:
    """Return a path of an answer; the header of an order is the same in a list as alone."""
    return path.removeprefix("[].") if recording.method == "sales_order.list" else path


# The methods of both kinds of shop stand in a class that unittest does not collect by itself.
if TYPE_CHECKING:
    _Base = unittest.TestCase
else:
    _Base = object


class _Comparison(_Base):
    """Compare with the shop of one kind of scalar types; the test methods of both kinds."""

    scalar_types: ClassVar[Literal["strings", "native"]]
    label_count: ClassVar[int]
    recordings: ClassVar[tuple[Recording, ...]]
    replies: ClassVar[dict[str, Reply]]
    #: resource -> path -> types, over all recordings
    recorded: ClassVar[dict[str, dict[str, set[str]]]]
    #: (resource, path) -> the keys of each struct there
    recorded_keys: ClassVar[dict[tuple[str, str], set[frozenset[str]]]]

    @classmethod
    def setUpClass(cls) -> None:
        """Play all calls again."""
        cls.recordings = recordings(cls.scalar_types)
        with Sandbox(scalar_types=cls.scalar_types) as sandbox:
            replay = Replay(sandbox)
            replay.run()
        cls.replies = replay.replies
        cls.recorded, cls.recorded_keys = {}, {}
        for recording in cls.recordings:
            value = recording.reply.value
            if value is not None:
                known = cls.recorded.setdefault(_resource(recording), {})
                for path, kinds in types(value).items():
                    known.setdefault(_path(recording, path), set()).update(kinds)
                for path, keys in structs(value):
                    cls.recorded_keys.setdefault((recording.method or "", path), set()).add(keys)

    def test_no_recording_is_left_out(self) -> None:
        """Every recorded label is played, and each label is there once."""
        labels = [recording.label for recording in self.recordings]
        self.assertEqual(len(labels), self.label_count)
        self.assertEqual(len(set(labels)), len(labels))
        self.assertLessEqual(set(labels), set(self.replies))

    def test_the_lists_name_recorded_calls(self) -> None:
        """What is adapted, not compared or compared by value exists."""
        labels = {recording.label for recording in recordings("strings")}
        self.assertLessEqual({*ADAPTED, *NOT_COMPARED, *SAME_VALUES}, labels)

    def test_status(self) -> None:
        """HTTP status and kind of body are the recorded ones: 200 with XML, or a dead PHP's empty 500."""
        for recording in self.recordings:
            with self.subTest(recording.label):
                reply = self.replies[recording.label]
                self.assertEqual(reply.status, recording.http_status)
                if recording.http_status == 200:
                    self.assertEqual(reply.content_type, "text/xml; charset=UTF-8")
                    self.assertTrue(reply.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<methodResponse>'))
                else:
                    self.assertEqual(reply.body, recording.response.encode())

    def test_faults(self) -> None:
        """A fault is answered with the same code and message, and nothing else is answered with a fault."""
        for recording in self.recordings:
            with self.subTest(recording.label):
                reply, expected = self.replies[recording.label].fault, recording.reply.fault
                if recording.label in NOT_COMPARED and expected is not None and reply is not None:
                    self.assertEqual(reply[0], expected[0])
                    self.assertEqual(reply[1][:90], expected[1][:90])
                else:
                    self.assertEqual(reply, expected)

    def test_keys(self) -> None:
        """Each struct has the keys that all recorded ones of its place have, and none that no recorded one has."""
        for recording in self.recordings:
            value = self.replies[recording.label].value
            for path, keys in structs(value) if value is not None else ():
                known = self.recorded_keys.get((recording.method or "", path))
                if known is None:
                    continue
                with self.subTest(recording.label, path=path):
                    self.assertLessEqual(frozenset.intersection(*known), keys)
                    extra = {
                        key
                        for key in keys - frozenset.union(*known)
                        if (_resource(recording), f"{path}.{key}") not in NOT_RECORDED
                    }
                    self.assertEqual(extra, set())

    def test_types(self) -> None:
        """Each value has a type, and text a form, that a recording has in its place."""
        for recording in self.recordings:
            value = self.replies[recording.label].value
            known = self.recorded.get(_resource(recording), {})
            for path, kinds in types(value).items() if value is not None else ():
                place = _path(recording, path)
                allowed = {NOT_RECORDED.get((_resource(recording), place), ("", ""))[0]}
                if self.scalar_types == "native" and "string: digits" in allowed:
                    allowed.add("int")
                with self.subTest(recording.label, path=path):
                    self.assertLessEqual(kinds, known.get(place, set()) | allowed)

    def test_every_recorded_type_comes(self) -> None:
        """What a recording has, nil or an empty array among it, the sandbox has too, in some answer of the method."""
        seen: dict[str, dict[str, set[str]]] = {}
        for recording in self.recordings:
            value = self.replies[recording.label].value
            for path, kinds in types(value).items() if value is not None else ():
                places = seen.setdefault(_resource(recording), {})
                places.setdefault(_path(recording, path), set()).update(kinds)
        for resource, places in self.recorded.items():
            for place, kinds in places.items():
                with self.subTest(resource, place=place):
                    self.assertLessEqual(kinds, seen.get(resource, {}).get(place, set()))

    def test_single_records(self) -> None:
        """A record by itself has exactly the recorded keys."""
        for recording in self.recordings:
            expected, value = recording.reply.value, self.replies[recording.label].value
            if expected is None or value is None or expected[0].tag != "struct":
                continue
            with self.subTest(recording.label):
                self.assertEqual(set(plain(value)), set(plain(expected)))

    def test_values(self) -> None:
        """Where both shops have the same data, the values are the same, and in the same types."""
        for recording in self.recordings:
            expected, value = recording.reply.value, self.replies[recording.label].value
            if recording.label not in SAME_VALUES or expected is None or value is None:
                continue
            with self.subTest(recording.label):
                wanted, got = plain(expected), plain(value)
                if recording.trimmed_from:
                    self.assertEqual(len(got), recording.trimmed_from)
                    got = got[: len(wanted)]
                self.assertEqual(got, wanted)


class StringsComparison(_Comparison, unittest.TestCase):
    """Compare with the shop that sends every scalar as a string."""

    scalar_types = "strings"
    label_count = 193


class NativeComparison(_Comparison, unittest.TestCase):
    """Compare with the shop that sends ids and flags as ints."""

    scalar_types = "native"
    label_count = 34
