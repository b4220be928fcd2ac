"""Masking: one list of words that name a secret, whatever shows it."""

from __future__ import annotations

import json

from odoo import fields
from odoo.tests import BaseCase, tagged

from ..masking import SECRET_WORDS, Masker
from ..queue.arguments import encode, masked

#: Words of which each was once known to one display alone.
KNOWN = ("password", "passwd", "passphrase", "pwd", "secret", "token", "api_key", "apikey", "api-key", "private_key")
KNOWN += ("authorization", "cookie", "session", "credential")


@tagged("post_install", "-at_install", "plain")
class TestSecretWords(BaseCase):
    def test_every_word_in_every_display(self):
        """A value under a secret's name is masked in an exchange and in a job's call, in data and in text."""
        for word in {*SECRET_WORDS, *KNOWN}:
            for name in (word, word.upper(), f"shop_{word}_2"):
                with self.subTest(name=name):
                    call = {"args": [encode({name: "hidden1"}, "x"), "hidden2"], "kwargs": {name: "hidden3"}}
                    shown = [
                        masked(json.dumps(call), ["data", name].__getitem__),
                        Masker(()).payload({"lines": [{name: "hidden4"}]}, 200),
                        Masker(()).text(f"GET /?{name}=hidden5"),
                        Masker(()).text(json.dumps({name: "hidden6"})),
                        Masker(()).text(f"<{name}>hidden7</{name}>"),
                    ]
                    self.assertFalse([text for text in shown if "hidden" in text or "***" not in text])


@tagged("post_install", "-at_install", "plain")
class TestMasker(BaseCase):
    def test_forms(self):
        """A secret is found in every form in which libraries write it."""
        masker = Masker(["s3cr3t/k&y", 'quo"te', "a/b c"])
        for text in (
            "s3cr3t/k&y",
            "s3cr3t%2Fk%26y",
            "a%2Fb%20c",
            "a%2Fb+c",
            "s3cr3t/k%26y",
            "s3cr3t/k&amp;y",
            "czNjcjN0L2smeQ==",
            'quo"te',
            'quo\\"te',
        ):
            shown = masker.text(f"before {text} after")
            self.assertTrue(shown.startswith("before ***") and shown.endswith(" after"), shown)

    def test_names(self):
        """Values are masked by their name in queries, headers, JSON, XML and XML-RPC; others are left."""
        cases = {
            "GET /a?access_token=abc&page=2": "GET /a?access_token=***&page=2",
            "Authorization: Bearer abc": "Authorization: ***",
            '{"apiKey": "a\\"bc", "b": "c"}': '{"apiKey": "***", "b": "c"}',
            "<password>abc</password><b>c</b>": "<password>***</password><b>c</b>",
            "<name>rp_token</name><value><string>abc</string>": "<name>rp_token</name><value><string>***</string>",
            "https://me:abc@host/a": "https://***@host/a",
            '{"author": "Ada", "key": "k"}': '{"author": "Ada", "key": "k"}',
            "mail ada@example.com": "mail ada@example.com",
        }
        for text, expected in cases.items():
            with self.subTest(text=text):
                self.assertEqual(Masker(()).text(text), expected)

    def test_cut(self):
        """A secret that the cut goes through does not leave its first half."""
        masker = Masker(["topsecretvalue"])
        for length in range(10, 40):
            self.assertNotIn("topse", masker.payload(b"x" * 20 + b"topsecretvalue" + b"y" * 50, length))

    def test_payload_kinds(self):
        """None, bytes, dates and nesting are shown in a readable way, empty secrets as they are."""
        masker = Masker(())
        self.assertEqual(masker.payload(None, 100), "")
        self.assertEqual(
            masker.payload({"file": b"12345", "password": None}, 100), '{"file": "<5 bytes>", "password": null}'
        )
        self.assertEqual(
            masker.payload(({"a": [fields.Datetime.to_datetime("2026-01-02 03:04:05")]},), 100),
            '[{"a": ["2026-01-02 03:04:05"]}]',
        )
