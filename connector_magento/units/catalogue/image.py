"""The image of a product: found over the API, fetched over HTTP from where the shop has it."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from odoo.exceptions import UserError
from odoo.tools.image import binary_to_image

from odoo.addons.connector_framework.adapters import Answer, HttpAdapter
from odoo.addons.connector_framework.exceptions import (
    ConfigurationError,
    ExternalNotFoundError,
    NetworkError,
    PermanentError,
)
from odoo.addons.connector_framework.synchronizers import Synchronizer

from ...references import magento


def main_image(images: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the row of ``product_media.list`` that the shop shows as the product's, else the first in its gallery."""
    chosen = [image for image in images if "image" in image["types"]]
    shown = [image for image in images if str(image["exclude"]) != "1"]
    return next(iter(chosen or shown), None)


class MediaAdapter(HttpAdapter):
    """The web server that has the images; it gets no credentials."""

    max_response_bytes = 20 * 1024 * 1024

    def fetch(self, url: str, version: str | None = None) -> Answer | None:
        """Return an image; None if it is still the version that is known.

        :param version: ``ETag`` or ``Last-Modified`` of the known one
        :raises ConfigurationError: when it is neither on the shop's host nor on the one of the images
        """
        url = self._allowed(url)
        headers = {}
        if version:
            headers["If-None-Match" if version.startswith(('"', "W/")) else "If-Modified-Since"] = version
        with self._outside_call("GET", urlsplit(url).path) as call:
            answer = self._send("GET", url, call, headers=headers)
            call.is_answered = True
            call.response = f"{len(answer.body)} bytes"
        return None if answer.status == 304 else answer

    def _allowed(self, url: str) -> str:
        """Return the URL with the scheme that was entered for its host: the shop may say http in place of https."""
        parts = urlsplit(url)
        for known in (self.backend.url, self.backend.media_url):
            allowed = urlsplit(known or "")
            if allowed.netloc and allowed.netloc == parts.netloc and parts.scheme in ("http", "https"):
                return parts._replace(scheme=allowed.scheme).geturl()
        raise ConfigurationError(
            f"the image {url} is not on the host of {self.backend.display_name}: enter its image address"
        )

    def _raise_for_status(self, answer: Answer, verb: str) -> None:
        if answer.status != 304:
            super()._raise_for_status(answer, verb)


@magento
class ImageImporter(Synchronizer):
    """Imports the image of a product that is bound."""

    _apply_on = ("magento.product.product", "magento.product.template")
    media_adapter = MediaAdapter

    def run(self, binding: Any, force: bool = False) -> str:
        """Import the image.

        :param force: even if it has the name of the one that was fetched last
        :return: "imported", "unchanged", "removed" or "no longer exists"
        """
        try:
            image = main_image(self.adapter.images(self.binder.to_external(binding)))
        except ExternalNotFoundError:
            return "no longer exists"
        file = image["file"] if image else False
        if file == binding.image_file and not (force and image):
            return "unchanged"
        if image:
            known = binding.image_version if file == binding.image_file else None
            try:
                answer = self.media_adapter(self.work).fetch(image["url"], known)
            except ExternalNotFoundError:
                return "no longer exists"
            if answer is None:
                return "unchanged"
            version = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
            values = {"image_file": file, "image_version": version, self._field(binding): self._checked(answer)}
        else:
            values = {"image_file": False, "image_version": False, self._field(binding): False}
        with self.work.origin():
            binding.with_env(self.env).write(values)
        return "imported" if image else "removed"

    def _field(self, binding: Any) -> str:
        """Return the field that has the image: a variant's own where the product has others."""
        is_variant = binding._name == "magento.product.product" and binding.magento_template_id
        return "image_variant_1920" if is_variant else "image_1920"

    def _checked(self, answer: Answer) -> bytes:
        if answer.is_html:
            raise NetworkError(f"{answer.url}: a web page came in place of an image")
        try:
            binary_to_image(answer.body)
        except UserError as error:
            raise PermanentError(f"{answer.url} is no image that can be read: {error}") from error
        return base64.b64encode(answer.body)
