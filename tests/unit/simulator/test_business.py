"""Shops: their profiles and catalogues, as clients see and change them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator

import pytest

from tests.unit.simulator.raw_client import RawClient, open_tunnel
from tests.unit.simulator.test_media import HOST, Browser
from tests.unit.simulator.test_newsletters import error_of as refusal_of
from tests.unit.simulator.test_newsletters import query
from tests.unit.simulator.test_strictness import ask, error_of, login
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.service.business import BusinessDetails, OpeningHours
from whatsapp_mcp.simulator.service.catalogue import Product
from whatsapp_mcp.simulator.service.mex import Json
from whatsapp_mcp.wire.node import Node


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        simulator.phone.account.business_name = "Robin's"
        yield simulator


def leaf(tag: str, text: str) -> Node:
    return Node(tag, {}, text.encode())


def text(node: Node, tag: str) -> str:
    child = node.child(tag)
    assert child is not None, node.xml()
    return child.data.decode()


async def profile(client: RawClient, jid: Jid) -> Node:
    asked = Node("business_profile", {"v": "244"}, [Node("profile", {"jid": jid})])
    told = (await ask(client, "w:biz", "get", asked)).path("business_profile", "profile")
    assert told is not None
    return told


async def test_a_shop_changes_what_it_shows_of_itself(simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    day = {"day_of_week": "mon", "mode": "specific_hours", "open_time": "540", "close_time": "1080"}
    days = [Node("business_hours_config", dict(day))]
    days.append(Node("business_hours_config", {"day_of_week": "tue", "mode": "appointment_only"}))
    delta = {"v": "3", "mutation_type": "delta"}
    for content in (
        [leaf("address", "1 Main St"), leaf("email", "a@example.org"), leaf("website", "https://example.org")],
        [leaf("email", ""), Node("business_hours", {"timezone": "Europe/Lisbon"}, days)],
        [Node("cover_photo", {"id": "77", "op": "update", "token": "x", "ts": "1"})],
        [leaf("latitude", "38.7"), leaf("longitude", "-9.1")],
    ):
        answer = await ask(client, "w:biz", "set", Node("business_profile", dict(delta), content))
        assert answer.get("type") == "result"
    told = await profile(client, device.account.pn)
    assert (text(told, "address"), text(told, "website")) == ("1 Main St", "https://example.org")
    assert (text(told, "latitude"), text(told, "longitude")) == ("38.7", "-9.1")
    assert told.child("email") is None
    hours, photo = told.child("business_hours"), told.child("cover_photo")
    assert hours is not None and photo is not None and photo.get("id") == "77"
    assert [one.attrs for one in hours.children()] == [day, days[1].attrs]
    assert simulator.business.of(device.account) == BusinessDetails(
        address="1 Main St",
        position=(38.7, -9.1),
        websites=("https://example.org",),
        timezone="Europe/Lisbon",
        hours=(OpeningHours("mon", 540, 1080), OpeningHours("tue", by_appointment=True)),
        cover_photo="77",
    )


async def test_odd_changes_of_a_profile(simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    wrong_day = Node("business_hours_config", {"day_of_week": "mon", "mode": "specific_hours", "open_time": "x"})
    nowhere = [leaf("latitude", "91"), leaf("longitude", "0")]
    half = [leaf("latitude", "9")]
    for content in ([], [Node("address", {}, b"\xff")], [Node("business_hours", {}, [wrong_day])], nowhere, half):
        assert error_of(await ask(client, "w:biz", "set", Node("business_profile", {}, content))) == "400"
    assert error_of(await ask(client, "w:biz", "set", Node("other"))) == "501"
    assert simulator.business.of(device.account) is None
    device.account.business_name = None
    assert error_of(await ask(client, "w:biz", "set", Node("business_profile", {}, [leaf("email", "x")]))) == "403"


def product_node(**fields: str) -> Node:
    return Node("product", {"is_hidden": "false"}, [leaf(name, value) for name, value in fields.items()])


async def test_a_shop_changes_its_catalogue(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    given = product_node(name="Rose", description="Red", price="2500", currency="EUR", retailer_id="r1")
    given.content = [
        *given.children(),
        Node("media", {}, [Node("image", {}, [leaf("url", "https://x.whatsapp.net/1")])]),
    ]
    added = await ask(client, "w:biz:catalog", "set", Node("product_catalog_add", {"v": "1"}, [given]))
    told = added.path("product_catalog_add", "product")
    image = told.path("media", "image") if told else None
    assert told is not None and image is not None
    assert (text(told, "price"), text(image, "original_image_url")) == ("2500", "https://x.whatsapp.net/1")
    edit = Node("product_catalog_edit", {"v": "1"}, [product_node(id=text(told, "id"), price="3000")])
    changed = (await ask(client, "w:biz:catalog", "set", edit)).path("product_catalog_edit", "product")
    assert changed is not None and (text(changed, "name"), text(changed, "price")) == ("Rose", "3000")
    (rose,) = simulator.catalogues.of(simulator.phone)
    assert (rose.name, rose.price, rose.currency, rose.images) == ("Rose", 3000, "EUR", ("https://x.whatsapp.net/1",))
    gone = Node("product_catalog_delete", {"v": "1"}, [Node("product", {}, [leaf("id", rose.id)])])
    answer = (await ask(client, "w:biz:catalog", "set", gone)).child("product_catalog_delete")
    assert answer is not None and answer.get("deleted_count") == "1"
    assert simulator.catalogues.of(simulator.phone) == []


async def test_the_catalogue_of_somebody_else_in_pages(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    shop = await simulator.add_contact("Petal", business_name="Petal & Stem")
    products = [Product(f"Flower {number}", 1000) for number in range(5)]
    simulator.catalogues.of(shop).extend(products)
    simulator.catalogues.collect(shop, "Spring", products[:2])
    seen, after = [], ""
    while True:
        content = [leaf("limit", "2"), *([leaf("after", after)] if after else [])]
        asked = Node("product_catalog", {"jid": shop.account.pn}, content)
        page = (await ask(client, "w:biz:catalog", "get", asked)).child("product_catalog")
        assert page is not None
        seen += [text(one, "name") for one in page.children("product")]
        paging = page.child("paging")
        if paging is None:
            break
        after = text(paging, "after")
    assert seen == [product.name for product in products]
    asked = Node("collections", {"biz_jid": shop.account.pn}, [leaf("item_limit", "51")])
    collection = (await ask(client, "w:biz:catalog", "get", asked)).path("collections", "collection")
    assert collection is not None and text(collection, "name") == "Spring"
    assert len(collection.children("product")) == 2


async def test_an_order_is_read_with_its_token(simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    order = simulator.catalogues.order((Product("Rose", 2500, "EUR"), 3))
    asked = Node("order", {"op": "get", "id": order.id}, [leaf("token", order.token)])
    told = (await ask(client, "fb:thrift_iq", "get", asked)).child("order")
    total = told.child("price") if told else None
    assert told is not None and total is not None
    assert (text(total, "total"), text(told.children("product")[0], "quantity")) == ("7500", "3")
    asked = Node("order", {"op": "get", "id": order.id}, [leaf("token", "guessed")])
    assert error_of(await ask(client, "fb:thrift_iq", "get", asked)) == "404"


async def test_odd_requests_about_catalogues(simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    nobody = Jid("1", "s.whatsapp.net")
    for kind, content, error in (
        ("get", Node("product_catalog"), "404"),
        ("get", Node("product_catalog", {"jid": nobody}), "404"),
        ("get", Node("product_catalog", {"jid": device.account.pn}, [leaf("limit", "many")]), "400"),
        ("get", Node("something"), "501"),
        ("set", Node("something"), "501"),
        ("set", Node("product_catalog_add"), "400"),
        ("set", Node("product_catalog_add", {}, [product_node(price="1")]), "400"),
        ("set", Node("product_catalog_add", {}, [product_node(name="x", price="-1")]), "400"),
        ("set", Node("product_catalog_edit", {}, [product_node(id="1", name="x")]), "404"),
    ):
        assert error_of(await ask(client, "w:biz:catalog", kind, content)) == error, content.xml()
    assert simulator.catalogues.of(simulator.phone) == []
    device.account.business_name = None
    assert error_of(await ask(client, "w:biz:catalog", "set", Node("product_catalog_delete"))) == "403"


@pytest.mark.parametrize("path", ["/product/image", "/pps/biz-cover-photo"])
async def test_the_pictures_of_shops_are_uploaded_as_they_are(path: str, simulator: Simulator) -> None:
    client, _, _ = await login(simulator)
    permission = (await ask(client, "w:m", "set", Node("media_conn"))).child("media_conn")
    assert permission is not None
    browser = Browser(*await open_tunnel(simulator.endpoint, HOST), permission.get("auth"))
    picture = b"\xff\xd8plain"
    token = base64.urlsafe_b64encode(hashlib.sha256(picture).digest()).decode()
    status, answer = await browser.upload(picture, path=f"{path}/{token}")
    assert status == 200 and ("meta_hmac" in answer and "fbid" in answer) is path.startswith("/pps")
    assert await browser.ask("GET", answer["direct_path"]) == (200, picture)


async def test_a_catalogue_and_an_order_in_graphql(simulator: Simulator) -> None:
    shop = await simulator.add_contact("Petals", business_name="Petals")
    jid, products = str(shop.account.pn), [Product(name, 1990, images=("https://a/1",)) for name in ("Rose", "Tulip")]
    simulator.catalogues.of(shop).extend(products)
    simulator.catalogues.collect(shop, "Spring", products)

    def told(query_id: str, **request: object) -> Json:
        found: Json = query(simulator, query_id, request=request)["data"]
        return found

    page = {"jid": jid, "limit": "1", "width": "100", "allow_shop_source": "ALLOWSHOPSOURCE_TRUE"}
    first = told("30445081048424116", product_catalog=page)["xwa_product_catalog_get_product_catalog"][
        "product_catalog"
    ]
    (rose,) = first["products"]
    assert (rose["name"], rose["price"], rose["is_hidden"]) == ("Rose", "1990", "ISHIDDEN_FALSE")
    assert rose["media"]["images"][0]["request_image_url"] == "https://a/1"
    page["after"] = first["paging"]["after"]
    second = told("30445081048424116", product_catalog=page)["xwa_product_catalog_get_product_catalog"][
        "product_catalog"
    ]
    assert ([one["name"] for one in second["products"]], second["paging"]["after"]) == (["Tulip"], "")
    wanted = {"biz_jid": jid, "collection_limit": "51", "item_limit": "1"}
    (spring,) = told("9430970660362540", collections=wanted)["xwa_product_catalog_get_collections"]["collections"]
    assert (spring["name"], [one["name"] for one in spring["products"]]) == ("Spring", ["Rose"])
    single = told("9546992575408789", collection={"biz_jid": jid, "id": spring["id"]})
    assert len(single["xwa_product_catalog_get_single_collection"]["collection"]["products"]) == 2
    one = told("9660926520672123", product={"jid": jid, "product_id": products[1].id})
    assert one["xwa_product_catalog_get_product"]["product_catalog"]["product"]["name"] == "Tulip"
    some = told("30125049463760630", product_list={"jid": jid, "products": [{"id": products[0].id}, {"id": "1"}]})
    assert len(some["xwa_product_catalog_get_product_list"]["product_list"]["products"]) == 1
    order = simulator.catalogues.order((products[0], 3))
    asked = {"jid": jid, "id": order.id, "token": {"sensitive_string_value": order.token}}
    info = told("26593811266898374", order=asked)["xwa_checkout_get_order_info"]["order"]
    assert (info["price_details"]["total_amount"], info["products"][0]["quantity"]) == ("5970", "3")
    for query_id, name, request in (
        ("26593811266898374", "order", asked | {"token": {"sensitive_string_value": "x"}}),
        ("30445081048424116", "product_catalog", {"jid": "1@lid"}),
        ("9660926520672123", "product", {"jid": jid, "product_id": "1"}),
        ("9546992575408789", "collection", {"biz_jid": jid, "id": "7"}),
    ):
        assert refusal_of(query(simulator, query_id, request={name: request})) == 404
    assert refusal_of(query(simulator, "30445081048424116", request={"product_catalog": page | {"limit": "x"}})) == 400
