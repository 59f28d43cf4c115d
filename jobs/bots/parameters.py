"""Parameters of strategies: typed, named as the products name them; nonsense is refused in one sentence."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from connectors.market import Filters

GREATEST = Decimal(10) ** 15  #: of a price or an amount; what is more is a slip
LEAST = Decimal(10) ** -15
_PLACES = {"max_digits": 32, "decimal_places": 18, "allow_inf_nan": False}

Positive = Annotated[Decimal, Field(ge=LEAST, le=GREATEST, **_PLACES)]  #: a price or an amount
NotNegative = Annotated[Decimal, Field(ge=0, le=GREATEST, **_PLACES)]
Percent = Annotated[Decimal, Field(gt=0, lt=100, **_PLACES)]  #: 1.5 is 1.5 %
PercentOrNone = Annotated[Decimal, Field(ge=0, lt=100, **_PLACES)]  #: 0 switches it off


def _symbol(given: str) -> str:
    if not _SYMBOL.fullmatch(given):
        raise ValueError("is written like BTC/USDT")
    return given


_SYMBOL = re.compile(r"[A-Z0-9.$-]{1,20}/[A-Z0-9.$-]{1,20}")
Symbol = Annotated[str, AfterValidator(_symbol)]  #: ``BTC/USDT``


class BadParameters(ValueError):
    """Parameters that make no sense; one sentence that names the one that is wrong."""


class Model(BaseModel):
    """What parameters and states are: frozen, and nothing in them but what is named."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


M = TypeVar("M", bound=BaseModel)


def restored(model: type[M], kept: Mapping[str, Any]) -> M:
    """A state as it was kept.

    Raises:
        BadParameters: another version of Automator kept it, in another shape.
    """
    try:
        return model.model_validate(kept)
    except ValidationError:
        raise BadParameters("another version of Automator kept its state, which this one can't read") from None


def read(kind: str, model: type[M], given: Mapping[str, Any]) -> M:
    """The strategy that these parameters make.

    Raises:
        BadParameters: they make none.
    """
    try:
        return model.model_validate(dict(given))
    except ValidationError as error:
        raise BadParameters(f"{kind}: {_sentence(model, error)}") from None


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a person must know of a parameter.

    Attributes:
        default: ``required``; empty: it need not be set.
        means: What it is, with its unit, as the model's docstring says.
    """

    name: str
    default: str
    means: str


def described(model: type[BaseModel]) -> tuple[Parameter, ...]:
    """A strategy's parameters, from its fields and the section "Attributes" of its docstring."""
    section = (inspect.getdoc(model) or "").partition("Attributes:\n")[2]
    said = {name: " ".join(text.replace("``", "").split()) for name, text in _ATTRIBUTE.findall(section)}
    return tuple(Parameter(name, _default(info), said.get(name, "")) for name, info in model.model_fields.items())


_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {6,}.+)*)", re.MULTILINE)


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return "required"
    return "" if info.default is None else {"True": "true", "False": "false"}.get(str(info.default), str(info.default))


def _sentence(model: type[BaseModel], error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"there is no parameter {name!r}; there are {', '.join(model.model_fields)}"
    if first["type"] == "missing":
        return f"the parameter {name} is missing"
    what = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not name:
        return what
    shown = str(first["input"])
    return f"{name} {what}, not {shown[:40]!r}"


def whole(value: Decimal, step: Decimal | None) -> Decimal:
    """The greatest multiple of ``step`` that is not above ``value``."""
    return value if not step else value // step * step


def takes(filters: Filters, amount: Decimal, price: Decimal) -> bool:
    """Whether an order of this amount is large enough for the exchange."""
    least = amount >= (filters.min_amount or 0) and amount * price >= (filters.min_notional or 0)
    return amount > 0 and least
