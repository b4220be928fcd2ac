"""Importing what has texts in several languages."""

from __future__ import annotations

from typing import Any

from ..importer import MagentoImporter, without_echo
from .adapter import TEXTS

#: The language that Odoo falls back on.
ODOO_LANG = "en_US"


class CatalogueImporter(MagentoImporter):
    """Imports records with texts: the default is in the backend's language, the store views' own are translations."""

    #: Language code -> names of the fields for which the views of that language show the default text.
    _fallbacks: dict[str, list[str]]

    def _translations(self, record: Any) -> dict[str, dict[str, Any]]:
        """Return the texts that views have of their own: one that a view merely falls back on is no translation."""
        default = self.backend.lang_id.code
        texts = self._texts(record)
        common = texts.pop(default, {})
        own = {
            lang: {name: text for name, text in of_lang.items() if text != common.get(name)}
            for lang, of_lang in texts.items()
        }
        self._fallbacks = {lang: [name for name in common if name not in own[lang]] for lang in texts}
        if ODOO_LANG not in (default, *own):
            # What Odoo itself falls back on.
            own[ODOO_LANG] = common
        binding = self._known_binding(self.external_id)
        return {lang: without_echo(of_lang, binding.with_context(lang=lang)) for lang, of_lang in own.items()}

    def _texts(self, record: Any) -> dict[str, dict[str, Any]]:
        """Return the translatable values by language, the default's among them; nothing where there is one alone."""
        default = self.backend.lang_id.code
        if not record["views"] and default == ODOO_LANG:
            return {}
        sources = {lang: {**record, **texts} for lang, texts in record["views"].items()}
        return self.mapper.translations({default: record, **sources}, fields=TEXTS)

    def _finish(self, binding: Any) -> None:
        super()._finish(binding)
        common = binding.with_env(self.env)
        for lang, names in self._fallbacks.items():
            for name in names:
                # A translation of before, whose text the view does not have of its own any more.
                if binding.with_context(lang=lang)[name] != common[name]:
                    binding.update_field_translations(name, {lang: False})
