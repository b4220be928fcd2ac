"""Text from outside as PostgreSQL and UTF-8 can hold it."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odoo.tests import BaseCase, tagged

from ..text import as_key, clean

# Surrogates included, which hypothesis leaves out by itself.
_texts = st.text(st.characters(codec=None, categories=None), max_size=60)
_many = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


class _Speechless(Exception):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def __str__(self) -> str:
        raise self.error


@tagged("post_install", "-at_install", "plain")
class TestText(BaseCase):
    @_many
    @given(_texts)
    def test_storable(self, text):
        """Whatever a text holds, what is left of it is UTF-8 without NUL, and stays as it is when cleaned again."""
        cleaned = clean(text)
        cleaned.encode()
        self.assertNotIn("\0", cleaned)
        self.assertEqual(clean(cleaned), cleaned)

    @_many
    @given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60))
    def test_kept(self, text):
        """Text that can be stored is kept as it is."""
        self.assertEqual(clean(text), text)

    def test_surrogates(self):
        """Half a character is replaced, two halves are the character that they stand for."""
        self.assertEqual(clean("Ann \ud83d!"), "Ann \N{REPLACEMENT CHARACTER}!")
        self.assertEqual(clean("Ann \ud83d\ude00!"), "Ann \N{GRINNING FACE}!")

    def test_no_text(self):
        """A value that has no text is named by its type, whatever its ``__str__`` raises."""
        for error in (ValueError("no"), RecursionError(), SystemExit(1), KeyboardInterrupt()):
            self.assertIn("_Speechless", clean(_Speechless(error)))

    def test_long(self):
        """Long text is cut, and says so; short text is not."""
        self.assertEqual(clean("x" * 10, 10), "x" * 10)
        self.assertEqual(clean("x" * 11, 10), "x" * 10 + "\n... (cut)")

    @_many
    @given(st.lists(st.one_of(_texts, _texts.map(lambda text: text * 400)), unique=True, max_size=6))
    def test_keys(self, texts):
        """Different texts have different keys, each of which fits into an index."""
        keys = [as_key(text) for text in texts]
        self.assertEqual(len(set(keys)), len(keys))
        for key in keys:
            self.assertLess(len(key.encode()), 2000)
            self.assertNotIn("\0", key)

    def test_short_key(self):
        """A short key is itself, for people to read."""
        self.assertEqual(as_key("import backend 1 42 \N{EURO SIGN}"), "import backend 1 42 \N{EURO SIGN}")
