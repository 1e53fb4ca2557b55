"""What shops sell: their catalogues (``iq xmlns=w:biz:catalog``) and orders (``fb:thrift_iq``).

Source: Baileys Socket/business.ts and Utils/business.ts.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.state.accounts import Person, SimAccount, SimDevice, account_of
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

PAGE: Final = 10
"""Products of a page, unless the client asks for another number."""
MAX_PAGE: Final = 100
_FIELDS: Final = ("name", "description", "retailer_id", "url", "currency")


@dataclass(slots=True)
class Product:
    """Something that a shop sells."""

    name: str
    price: int
    """In thousandths of the currency's unit."""
    currency: str = "USD"
    description: str = ""
    retailer_id: str = ""
    url: str = ""
    images: tuple[str, ...] = ()
    """Addresses."""
    hidden: bool = False
    id: str = field(default_factory=lambda: str(10**15 + secrets.randbelow(9 * 10**15)))


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody ordered, as the message about it names it by id and token."""

    id: str
    token: str
    items: tuple[tuple[Product, int], ...]
    """Product and how many of it."""

    @property
    def total(self) -> int:
        """In thousandths of the currency's unit."""
        return sum(product.price * count for product, count in self.items)

    @property
    def currency(self) -> str:
        return self.items[0][0].currency if self.items else "USD"


@dataclass(frozen=True, slots=True)
class CataloguePage:
    products: Sequence[Product]
    after: str
    """What the next page is asked for with; empty: there is none."""


class Catalogues:
    """All catalogues, by shop."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._products: dict[SimAccount, list[Product]] = {}
        self._collections: dict[SimAccount, dict[str, list[Product]]] = {}
        self._orders: dict[str, Order] = {}

    def register(self, router: Router) -> None:
        router.on_iq("w:biz:catalog", "get", self._get)
        router.on_iq("w:biz:catalog", "set", self._set)
        router.on_iq("fb:thrift_iq", "get", self._get_order)

    def of(self, shop: Person) -> list[Product]:
        """What a shop sells; to be changed."""
        return self._products.setdefault(account_of(shop), [])

    def collect(self, shop: Person, name: str, products: Sequence[Product]) -> None:
        """Show some products of a shop together, under a name."""
        self._collections.setdefault(account_of(shop), {})[name] = list(products)

    def order(self, *items: tuple[Product, int]) -> Order:
        """Somebody ordered."""
        order = Order(str(secrets.randbelow(10**16)), secrets.token_urlsafe(24), items)
        self._orders[order.id] = order
        return order

    def page(self, shop: SimAccount, *, limit: int, after: str) -> CataloguePage:
        """Some products of a shop; ``after``: the id of the last one of the page before."""
        products = self._products.get(shop, [])
        start = next((number + 1 for number, one in enumerate(products) if one.id == after), 0)
        shown = products[start : start + limit]
        return CataloguePage(shown, shown[-1].id if shown and start + limit < len(products) else "")

    def collections_of(self, shop: SimAccount) -> dict[str, list[Product]]:
        """What a shop shows together, by name."""
        return self._collections.get(shop, {})

    def find_order(self, order_id: str, token: str) -> Order | None:
        """An order; ``None``: there is none, or the token is another order's."""
        order = self._orders.get(order_id)
        return order if order is not None and order.token == token else None

    # --- looking ---

    def _get(self, device: SimDevice, node: Node) -> Sequence[Node]:
        wanted, collections = node.child("product_catalog"), node.child("collections")
        if wanted is not None:
            return [self._page(self._shop(wanted, "jid"), wanted)]
        if collections is not None:
            return [self._shown_together(self._shop(collections, "biz_jid"), collections)]
        raise IqError(501, "feature-not-implemented")

    def _shop(self, wanted: Node, name: str) -> SimAccount:
        shop = self._world.account(wanted.jid(name))
        if shop is None:
            raise IqError(404, "item-not-found")
        return shop

    def _page(self, shop: SimAccount, wanted: Node) -> Node:
        page = self.page(shop, limit=_limit(wanted, "limit"), after=_text(wanted, "after"))
        paging = [Node("paging", {}, [_leaf("after", page.after)])] if page.after else []
        return Node("product_catalog", {}, [*map(_product_node, page.products), *paging])

    def _shown_together(self, shop: SimAccount, wanted: Node) -> Node:
        items = _limit(wanted, "item_limit")
        listed = list(self.collections_of(shop).items())[: _limit(wanted, "collection_limit")]
        nodes = [
            Node(
                "collection",
                {},
                [
                    Node("id", {}, str(number).encode()),
                    Node("name", {}, name.encode()),
                    *map(_product_node, products[:items]),
                    _STATUS,
                ],
            )
            for number, (name, products) in enumerate(listed, start=1)
        ]
        return Node("collections", {}, nodes)

    def _get_order(self, device: SimDevice, node: Node) -> Sequence[Node]:
        wanted = node.child("order")
        if wanted is None:
            raise IqError(501, "feature-not-implemented")
        order = self.find_order(wanted.get("id"), _text(wanted, "token"))
        if order is None:
            raise IqError(404, "item-not-found")
        nodes = []
        for product, count in order.items:
            image = product.images[0] if product.images else ""
            content = [*_leaves(product, ("name", "currency")), _leaf("price", str(product.price))]
            content += [_leaf("quantity", str(count)), Node("image", {}, [_leaf("url", image)])]
            nodes.append(Node("product", {}, [_leaf("id", product.id), *content]))
        price = Node("price", {}, [_leaf("total", str(order.total)), _leaf("currency", order.currency)])
        attrs: dict[str, Attr] = {"id": order.id, "creation_ts": self._world.now()}
        return [Node("order", attrs, [*nodes, price])]

    # --- changing the own one ---

    def _set(self, device: SimDevice, node: Node) -> Sequence[Node]:
        if device.account.business_name is None:
            raise IqError(403, "forbidden")
        changes: dict[str, Callable[[SimAccount, Node], Node]] = {
            "product_catalog_add": self._add,
            "product_catalog_edit": self._edit,
            "product_catalog_delete": self._delete,
        }
        for wanted in node.children():
            if wanted.tag in changes:
                return [changes[wanted.tag](device.account, wanted)]
        raise IqError(501, "feature-not-implemented")

    def _add(self, shop: SimAccount, wanted: Node) -> Node:
        given = _required(wanted)
        if not _text(given, "name"):
            raise IqError(400, "bad-request")
        product = Product(_text(given, "name"), 0)
        _take_over(product, given)
        self.of(shop).append(product)
        return Node(wanted.tag, {}, [_product_node(product)])

    def _edit(self, shop: SimAccount, wanted: Node) -> Node:
        given = _required(wanted)
        product = next((one for one in self.of(shop) if one.id == _text(given, "id")), None)
        if product is None:
            raise IqError(404, "item-not-found")
        _take_over(product, given)
        return Node(wanted.tag, {}, [_product_node(product)])

    def _delete(self, shop: SimAccount, wanted: Node) -> Node:
        gone = {_text(product, "id") for product in wanted.children("product")}
        before, after = self.of(shop), [one for one in self.of(shop) if one.id not in gone]
        self._products[shop] = after
        return Node(wanted.tag, {"deleted_count": str(len(before) - len(after))})


def _required(wanted: Node) -> Node:
    product = wanted.child("product")
    if product is None:
        raise IqError(400, "bad-request")
    return product


def _take_over(product: Product, given: Node) -> None:
    """All is read before anything is changed. Raises IqError: 400."""
    texts = {name: _text(given, name) for name in _FIELDS if given.child(name) is not None}
    price = _number(given, "price") if given.child("price") is not None else product.price
    for name, text in texts.items():
        setattr(product, name, text)
    product.price = price
    if (media := given.child("media")) is not None:
        product.images = tuple(_text(image, "url") for image in media.children("image"))
    if given.get("is_hidden"):
        product.hidden = given.get("is_hidden") == "true"


def _text(node: Node, tag: str) -> str:
    child = node.child(tag)
    try:
        return child.data.decode() if child is not None else ""
    except UnicodeDecodeError:
        raise IqError(400, "bad-request") from None


def _number(node: Node, tag: str) -> int:
    text = _text(node, tag)
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise IqError(400, "bad-request")
    return int(text)


def _limit(node: Node, tag: str) -> int:
    return min(max(_number(node, tag), 1), MAX_PAGE) if node.child(tag) is not None else PAGE


def _leaf(tag: str, text: str) -> Node:
    return Node(tag, {}, text.encode())


def _leaves(product: Product, names: Sequence[str]) -> list[Node]:
    return [_leaf(name, getattr(product, name)) for name in names if getattr(product, name)]


_STATUS = Node("status_info", {}, [_leaf("status", "APPROVED"), _leaf("can_appeal", "false")])


def _product_node(product: Product) -> Node:
    shown = [(_leaf("request_image_url", url), _leaf("original_image_url", url)) for url in product.images or ("",)]
    images = Node("media", {}, [Node("image", {}, [_leaf("id", str(n)), *urls]) for n, urls in enumerate(shown)])
    content = [_leaf("id", product.id), *_leaves(product, _FIELDS), _leaf("price", str(product.price)), images, _STATUS]
    return Node("product", {"is_hidden": "true"} if product.hidden else {}, content)
