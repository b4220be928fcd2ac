"""Serve `product_media.*`: the images of a product."""

from __future__ import annotations

import base64
import binascii
import itertools
from typing import Any

from ..scalars import integer, mapping, sequence, text
from ..shop import DEFAULT_STORE, Product, url_key
from .base import api_method
from .product_lookup import ProductBoundResource

EXTENSIONS = {"image/jpeg": "jpg", "image/gif": "gif", "image/png": "png"}

#: The uses that an image can have; the product has one image for each.
TYPES = ("image", "small_image", "thumbnail")


def media_path(name: str, extension: str, taken: set[str]) -> str:
    """Return the path of a new file: `/d/o/dot.png`, with a number at its end when that is taken."""
    stem = url_key(name).replace("-", "_") or "image"
    folder = f"/{stem[0]}/{stem[1] if len(stem) > 1 else '_'}"
    for number in itertools.count():
        path = f"{folder}/{stem}{f'_{number}' if number else ''}.{extension}"
        if path not in taken:
            return path
    raise AssertionError("unreachable")


class ProductMediaResource(ProductBoundResource):
    """Serve the images. Every write moves the product's `updated_at`."""

    name = "catalog_product_attribute_media"

    def _row(self, product: Product, image: dict[str, Any], store_id: int) -> dict[str, Any]:
        return {
            "file": image["file"],
            "label": image["label"],
            "position": image["position"],
            "exclude": image["exclude"],
            "url": f"{self.shop.base_url}/media/catalog/product{image['file']}",
            "types": [name for name in TYPES if product.values.get(name, store_id) == image["file"]],
        }

    def _image(self, product: Product, file: Any) -> dict[str, Any]:
        for image in product.media:
            if image["file"] == text(file):
                return image
        raise self.fault(103)

    @api_method("list", reads=True)
    def list_all(self, product: Any, store: Any = None, identifier_type: Any = None) -> list[dict[str, Any]]:
        """Return a product's images, by position."""
        store_id = self.store_id(store)
        found = self.product(product, identifier_type)
        images = sorted(found.media, key=lambda image: int(image["position"]))
        return [self._row(found, image, store_id) for image in images]

    @api_method("info", reads=True)
    def info(self, product: Any, file: Any, store: Any = None, identifier_type: Any = None) -> dict[str, Any]:
        """Return one image by its path."""
        found = self.product(product, identifier_type)
        return self._row(found, self._image(found, file), self.store_id(store))

    @api_method("create")
    def create(self, product: Any, data: Any, store: Any = None, identifier_type: Any = None) -> str:
        """Add an image; return its path."""
        store_id = self.store_id(store)
        found = self.product(product, identifier_type)
        values = mapping(data)
        file = mapping(values.get("file"))
        if not file.get("mime") or not file.get("content"):
            raise self.fault(102, "The image is not specified.")
        extension = EXTENSIONS.get(text(file["mime"]))
        if extension is None:
            raise self.fault(102, "Invalid image type.")
        try:
            content = base64.b64decode(text(file["content"]), validate=True)
        except (binascii.Error, ValueError) as error:
            raise self.fault(102, "The image contents is not valid base64 data.") from error
        path = media_path(text(file.get("name") or "image"), extension, set(self.shop.files))
        self.shop.files[path] = content
        found.media.append(
            {
                "file": path,
                "label": text(values.get("label") or ""),
                "position": integer(values.get("position") or len(found.media) + 1),
                "exclude": integer(values.get("exclude")),
            }
        )
        self._use(found, path, values.get("types"), store_id)
        return path

    def _use(self, product: Product, path: str, types: Any, store_id: int = DEFAULT_STORE) -> None:
        for name in sequence(types):
            if name in TYPES:
                product.values.put({text(name): path}, [store_id])
        product.updated_at = self.shop.now()

    @api_method("update")
    def update(self, product: Any, file: Any, data: Any, store: Any = None, identifier_type: Any = None) -> bool:
        """Change an image's label, position, uses and whether it is left out of the gallery."""
        store_id = self.store_id(store)
        found = self.product(product, identifier_type)
        image = self._image(found, file)
        values = mapping(data)
        if "label" in values:
            image["label"] = text(values["label"])
        for name in ("position", "exclude"):
            if name in values:
                image[name] = integer(values[name])
        self._use(found, image["file"], values.get("types"), store_id)
        return True

    @api_method("remove")
    def remove(self, product: Any, file: Any, identifier_type: Any = None) -> bool:
        """Remove an image."""
        found = self.product(product, identifier_type)
        image = self._image(found, file)
        found.media.remove(image)
        self.shop.files.pop(image["file"], None)
        found.values.put({name: None for name in TYPES if found.values.get(name) == image["file"]})
        found.updated_at = self.shop.now()
        return True

    @api_method("types", reads=True)
    def types(self, set_id: Any) -> list[dict[str, Any]]:
        """Return the uses that an image can have."""
        return [{"code": name, "scope": "store"} for name in TYPES]
