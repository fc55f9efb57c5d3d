"""Variants as the public endpoints show and take them (contract 6.2, from public client code)."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

from aiohttp import web

from syncbridge.sandbox.journal import EFFECT
from syncbridge.sandbox.orderwise.decimal_json import answer
from syncbridge.sandbox.orderwise.gate import DATA, json_body
from syncbridge.sandbox.orderwise.refusals import Problems, Refusal
from syncbridge.sandbox.orderwise.stock import ZERO, Variant
from syncbridge.sandbox.orderwise.world import DataSet, compared

_BLOCKS = ("variantInfo", "variantSettings", "variantPurchaseSettings", "variantDimensions", "analysis")


def new_record(code: str) -> dict[str, Any]:
    """Return the blocks of a variant of which nothing but the code is known."""
    return {
        "variantInfo": {"id": 0, "code": code, "description": code, "eanCode": None},
        "variantSettings": {"templateVariant": False, "discontinued": False},
        "variantPurchaseSettings": {"estimatedCost": ZERO},
        "variantDimensions": dict.fromkeys(("weight", "volume", "length", "width", "depth"), Decimal("0.2")),
        "analysis": {"c_1": None, "d_1": None, "l_1": False, "m_1": None, "n_1": None},
        "uom": "EA",
    }


def add_variant(data: DataSet, variant: Variant) -> None:
    """Enter a variant, and its product where it names one that is not there."""
    if variant.id in data.variants:
        raise ValueError(f"there is a variant {variant.id} already")
    variant.record["variantInfo"]["id"] = variant.id
    data.variants[variant.id] = variant
    data.variants_by_code.setdefault(compared(variant.code), []).append(variant)
    if variant.product_id:
        code = f"P{variant.product_id}"
        product = {"id": variant.product_id, "productCode": code, "description": code, "variants": []}
        data.products.setdefault(variant.product_id, product)["variants"].append(variant)


def shown(variant: Variant, *, with_sales: bool) -> dict[str, Any]:
    """Return a variant's blocks; the casing differs from block to block as in real answers."""
    blocks = {name: dict(variant.record[name]) for name in _BLOCKS}
    blocks["variantInfo"] |= {"id": variant.id, "code": variant.code}
    blocks["variantSettings"]["discontinued"] = variant.discontinued
    document: dict[str, Any] = dict(blocks)
    if with_sales:
        document["variantSalesInfo"] = [{"Id": variant.id, "rspExcVat": variant.price_net}]
    return document


def find_variant(request: web.Request) -> Variant:
    """Find the variant of a path; raise Refusal 404."""
    variant = request[DATA].variants.get(int(request.match_info["variantId"]))
    if variant is None:
        raise Refusal(404, "Variant not found")
    return variant


async def get_variant(request: web.Request) -> web.Response:
    """Show one variant as an array of one object."""
    with_sales = request.query.get("include_sales_info", "").casefold() in ("true", "1")
    document = shown(find_variant(request), with_sales=with_sales)
    one = request[DATA].world.settings.variant_answer == "object"
    return answer(document if one else [document])


async def post_variant(request: web.Request) -> web.Response:
    """Create a variant from a template: 201 with its id."""
    data = request[DATA]
    problems = Problems()
    text = request.query.get("template_variant_id", "")
    template = data.variants.get(int(text)) if text.isascii() and text.isdecimal() else None
    if template is None:
        problems.add("template_variant_id", "there is no such variant")
    body = await json_body(request)
    info = body.get("variantInfo") if isinstance(body, dict) else None
    code = info.get("code") if isinstance(info, dict) else None
    if not isinstance(code, str) or not code.strip():
        problems.add("variantInfo.code", "is required")
    elif len(code) > 50:
        problems.add("variantInfo.code", "has more than 50 characters")
    elif any(one.code == code for one in data.find_variants(code)):
        problems.add("variantInfo.code", f"there is a variant {code!r} already")
    problems.raise_if_any("The variant is not valid.")
    if template is None:
        raise Refusal(400, "There is no template.")
    variant = Variant(data.number("variant"), str(code), copy.deepcopy(template.record))
    variant.record["variantInfo"]["eanCode"] = None
    variant.record["variantSettings"]["templateVariant"] = False
    variant.product_id, variant.tax_rate_id = template.product_id, template.tax_rate_id
    variant.price_net, variant.price_gross = template.price_net, template.price_gross
    _merge(data, variant, body)
    add_variant(data, variant)
    variant.amended = data.stamp()
    request[EFFECT] = True
    return answer({"variantInfo": {"id": variant.id}}, 201)


async def put_variant(request: web.Request) -> web.Response:
    """Change what is given of a variant; its code cannot be changed."""
    data, variant = request[DATA], find_variant(request)
    body = await json_body(request)
    _merge(data, variant, body)
    variant.amended = data.stamp()
    request[EFFECT] = True
    return answer(shown(variant, with_sales=False))


def _merge(data: DataSet, variant: Variant, body: Any) -> None:
    """Take over the blocks of a body; raise Refusal 400 without effect for one that is wrong."""
    problems = Problems()
    if not isinstance(body, dict):
        raise Refusal(400, "The body is an object.")
    for name in _BLOCKS:
        if name in body and not isinstance(body[name], dict):
            problems.add(name, "must be an object")
    problems.raise_if_any("The variant is not valid.")
    info, settings = body.get("variantInfo") or {}, body.get("variantSettings") or {}
    ean = info.get("eanCode")
    if ean is not None and any(
        one is not variant and one.record["variantInfo"]["eanCode"] == ean for one in data.variants.values()
    ):
        problems.add("variantInfo.eanCode", f"{ean} is another variant's")
    if "code" in info and info["code"] != variant.code:
        problems.add("variantInfo.code", "cannot be changed")
    problems.raise_if_any("The variant is not valid.")
    for name in _BLOCKS:
        variant.record[name].update(body.get(name) or {})
    if isinstance(settings.get("discontinued"), bool):
        variant.discontinued = settings["discontinued"]
    for sales in body.get("variantSalesInfo") or ():
        price = sales.get("rspExcVat") if isinstance(sales, dict) else None
        if isinstance(price, int | Decimal):
            variant.price_net = Decimal(price)
