"""Divides a sum by the number of buyers, of which there are none."""

from __future__ import annotations

from collections.abc import Callable


class Basket:
    """No built-in value."""

    def __str__(self) -> str:
        return "a basket"


def share(total: float, buyers: list[str]) -> float:
    per_buyer = total / len(buyers)
    return round(per_buyer, 2)


def pay(order: dict[str, object]) -> float:
    password = "correct horse"
    basket = Basket()
    note = f"paid with {password} for {basket}"
    return share(31.5, [] if note else ["nobody"])


def run(report: Callable[[], object]) -> object:
    try:
        return pay({"id": 4711, "items": ["hat", "gloves"], 5: None, "api_key": "k-123456"})
    except ZeroDivisionError:
        return report()
