"""Validates nested models, with validators and errors, and writes JSON."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

MADE_WITH = "PyO3"
DISTRIBUTION = "pydantic"


class Item(BaseModel):
    name: str = Field(min_length=2)
    price: Decimal
    tags: set[str] = set()

    @field_validator("name")
    @classmethod
    def capitalize(cls, value: str) -> str:
        return value.capitalize()


class Order(BaseModel):
    when: datetime
    items: list[Item]
    other: "Order | None" = None


def exercise() -> object:
    order = Order.model_validate_json(
        '{"when": "2024-05-01T10:00:00Z", "items": [{"name": "tea", "price": "2.50", "tags": ["a"]}],'
        ' "other": {"when": 0, "items": []}}'
    )
    try:
        Order.model_validate({"when": "never", "items": [{"name": "x"}]})
    except ValidationError as error:
        problems = [(e["loc"], e["type"]) for e in error.errors()]
    adapted = TypeAdapter(dict[int, list[float]]).validate_python({"1": ["2.5", 3]})
    return order.model_dump_json(), problems, adapted, sorted(Order.model_json_schema())
