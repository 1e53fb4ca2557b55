"""Catalogues and orders in GraphQL, as newer clients ask for them (whatsapp-rust features/business.rs,
mex_operations.rs). Numbers are strings there."""

from __future__ import annotations

from typing import Any

from whatsapp_mcp.simulator.service.catalogue import MAX_PAGE, PAGE, Catalogues, Product
from whatsapp_mcp.simulator.service.mex import GraphQlError, Json, Mex, account_at, part
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.simulator.state.world import World

_CATALOGUE = "30445081048424116"
_PRODUCT = "9660926520672123"
_LISTED = "30125049463760630"
_COLLECTIONS = "9430970660362540"
_COLLECTION = "9546992575408789"
_ORDER = "26593811266898374"


class CatalogueQueries:
    """The queries of ``mex`` about what :class:`Catalogues` has."""

    def __init__(self, world: World, catalogues: Catalogues, mex: Mex) -> None:
        self._world = world
        self._catalogues = catalogues
        mex.on_query(_CATALOGUE, self._catalogue)
        mex.on_query(_PRODUCT, self._product)
        mex.on_query(_LISTED, self._listed)
        mex.on_query(_COLLECTIONS, self._collections)
        mex.on_query(_COLLECTION, self._collection)
        mex.on_query(_ORDER, self._order)

    def _catalogue(self, device: SimDevice, given: Json) -> Json:
        wanted = part(part(given, "request"), "product_catalog")
        page = self._catalogues.page(
            account_at(self._world, wanted.get("jid")),
            limit=_limit(wanted, "limit"),
            after=str(wanted.get("after") or ""),
        )
        told = {"products": [_json(one) for one in page.products], "paging": {"after": page.after, "before": ""}}
        return {"xwa_product_catalog_get_product_catalog": {"product_catalog": told}}

    def _product(self, device: SimDevice, given: Json) -> Json:
        wanted = part(part(given, "request"), "product")
        found = self._some(wanted.get("jid"), {str(wanted.get("product_id"))})
        if not found:
            raise GraphQlError(404, "Not Found")
        return {"xwa_product_catalog_get_product": {"product_catalog": {"product": _json(found[0])}}}

    def _listed(self, device: SimDevice, given: Json) -> Json:
        wanted = part(part(given, "request"), "product_list")
        listed = wanted.get("products")
        ids = {str(one.get("id")) for one in listed if isinstance(one, dict)} if isinstance(listed, list) else set()
        found = [_json(one) for one in self._some(wanted.get("jid"), ids)]
        return {"xwa_product_catalog_get_product_list": {"product_list": {"products": found}}}

    def _some(self, jid: Any, ids: set[str]) -> list[Product]:
        return [one for one in self._catalogues.of(account_at(self._world, jid)) if one.id in ids]

    def _collections(self, device: SimDevice, given: Json) -> Json:
        wanted = part(part(given, "request"), "collections")
        items = _limit(wanted, "item_limit")
        listed = self._catalogues.collections_of(account_at(self._world, wanted.get("biz_jid")))
        told = [
            {
                "id": str(number),
                "name": name,
                "products": [_json(one) for one in products[:items]],
                "status_info": _STATUS | {"commerce_url": None, "reject_reason": None},
            }
            for number, (name, products) in enumerate(listed.items(), start=1)
        ][: _limit(wanted, "collection_limit")]
        return {"xwa_product_catalog_get_collections": {"collections": told, "paging": {"after": ""}}}

    def _collection(self, device: SimDevice, given: Json) -> Json:
        wanted = part(part(given, "request"), "collection")
        listed = list(self._catalogues.collections_of(account_at(self._world, wanted.get("biz_jid"))).items())
        found = next((one for number, one in enumerate(listed, start=1) if str(number) == str(wanted.get("id"))), None)
        if found is None:
            raise GraphQlError(404, "Not Found")
        name, products = found
        told = {
            "id": wanted["id"],
            "name": name,
            "products": [_json(one) for one in products[: _limit(wanted, "limit")]],
        }
        return {"xwa_product_catalog_get_single_collection": {"collection": told, "paging": {"after": ""}}}

    def _order(self, device: SimDevice, given: Json) -> Json:
        wanted = part(part(given, "request"), "order")
        token = part(wanted, "token").get("sensitive_string_value")
        order = self._catalogues.find_order(str(wanted.get("id")), str(token))
        if order is None:
            raise GraphQlError(404, "Not Found")
        products = [
            {
                "id": product.id,
                "name": product.name,
                "price": str(product.price),
                "currency": product.currency,
                "quantity": str(count),
                "media": {"images": _images(product)},
                "variant_info": None,
            }
            for product, count in order.items
        ]
        price = {"currency": order.currency, "subtotal_amount": str(order.total), "total_amount": str(order.total)}
        told = {"products": products, "price_details": price, "creation_time_stamp": self._world.now()}
        return {"xwa_checkout_get_order_info": {"order": told}}


_STATUS: Json = {"status": "APPROVED", "can_appeal": False}


def _json(product: Product) -> Json:
    return {
        "id": product.id,
        "retailer_id": product.retailer_id or None,
        "name": product.name,
        "description": product.description or None,
        "url": product.url or None,
        "price": str(product.price),
        "currency": product.currency,
        "is_hidden": f"ISHIDDEN_{'TRUE' if product.hidden else 'FALSE'}",
        "product_availability": "IN_STOCK",
        "media": {"images": _images(product), "videos": []},
        "status_info": _STATUS,
    }


def _images(product: Product) -> list[Json]:
    return [
        {"id": str(number), "request_image_url": url, "original_image_url": url}
        for number, url in enumerate(product.images)
    ]


def _limit(wanted: Json, name: str) -> int:
    """Numbers come as strings, and as numbers."""
    text = str(wanted.get(name) or PAGE)
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise GraphQlError(400, "Bad Request")
    return min(max(int(text), 1), MAX_PAGE)
