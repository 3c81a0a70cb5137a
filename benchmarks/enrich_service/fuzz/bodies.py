"""Random request bodies that no correct client sends, reproducible by a seed. This module sends nothing.

valid request of a model ──▶ one thing wrong with it ──▶ path, bytes, headers
"""

from __future__ import annotations

import copy
import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from contract.artifact.contract import ModelContract
from enrich_service.http.openapi_schemas import example_source, example_tensors

ENRICH = "/v1/enrich"
MANY_FIELDS = 1_000_000
BOMB_BYTES = 100_000_000
"""Size of an unpacked gzip bomb; packed it is a thousandth."""
ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**31,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
    1e308,
    -1e308,
    "",
    " ",
    "0",
    "12",
    "nan",
    "\x00",
    "\ud800",
    "é\U0001f600",
    "x" * 5000,
    "'; --",
    "<b>",
    "../../etc/passwd",
    [],
    [[]],
    [None],
    [1, 2],
    {},
    {"": None},
    {"a": {"b": []}},
)
"""Values to put in the place of a valid one."""


@dataclass(frozen=True, slots=True)
class Body:
    """A request with a body."""

    path: str
    data: bytes
    headers: dict[str, str] = field(default_factory=dict)


def valid(contract: ModelContract, random: Random) -> tuple[str, dict[str, Any]]:
    """Path and JSON of a request that the service answers with 200."""
    if random.random() < 0.5:
        documents = [{"id": str(i), "source": example_source(contract)} for i in range(random.randrange(1, 4))]
        return ENRICH, {"documents": documents}
    return f"/v2/models/{contract.name}/infer", example_tensors(contract)


def broken_json(contract: ModelContract, random: Random) -> Body:
    """JSON that is cut, or has bytes changed, inserted or removed."""
    path, page = valid(contract, random)
    data = bytearray(dump(page))
    for _ in range(random.randrange(1, 6)):
        at = random.randrange(len(data))
        match random.randrange(4):
            case 0:
                del data[at:]
            case 1:
                del data[at]
            case 2:
                data[at] = random.randrange(256)
            case _:
                data.insert(at, random.randrange(256))
        if not data:
            break
    return Body(path, bytes(data))


def wrong_types(contract: ModelContract, random: Random) -> Body:
    """A request with one value or key replaced."""
    path, page = valid(contract, random)
    places = list(_places(page))
    holder, key = random.choice(places)
    value = copy.deepcopy(random.choice(ODD))
    if isinstance(holder, dict) and random.random() < 0.2:
        holder[random.choice(("", "id", "a.b", "\ud800", key + ".x"))] = holder.pop(key)
    else:
        holder[key] = value
    return Body(path, dump(page))


def invalid_numbers(contract: ModelContract, random: Random) -> Body:
    """NaN, infinities and 1e400, which are not valid JSON or do not fit a float64."""
    path, page = valid(contract, random)
    numbers = [(holder, key) for holder, key in _places(page) if isinstance(holder[key], float)]
    holder, key = random.choice(numbers or list(_places(page)))
    holder[key] = "@"
    word = random.choice(
        ("NaN", "-NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1e-400", "1E+9999", "0x10", "01", "1.", ".5")
    )
    return Body(path, dump(page).replace(b'"@"', word.encode()))


def large_integers(contract: ModelContract, random: Random) -> Body:
    """Integers beyond 2^63, up to thousands of digits."""
    path, page = valid(contract, random)
    holder, key = random.choice(list(_places(page)))
    holder[key] = "@"
    number = random.choice((2**63, -(2**63) - 1, 2**64, 10**38, 10**39, 10**309, 10**400))
    word = str(number) if random.random() < 0.9 else "9" * random.choice((4000, 5000, 100_000))
    return Body(path, dump(page).replace(b'"@"', word.encode()))


def many_fields(_contract: ModelContract, random: Random) -> Body:
    """A document with a million fields, sometimes nested."""
    fields = ",".join(f'"f{i}":{i % 7}' for i in range(MANY_FIELDS))
    source = f'{{"more":{{{fields}}}}}' if random.random() < 0.5 else f"{{{fields}}}"
    return Body(ENRICH, f'{{"documents":[{{"id":"1","source":{source}}}]}}'.encode())


def deep_nesting(contract: ModelContract, random: Random) -> Body:
    """Nesting deeper than a recursive parser or encoder can handle."""
    depth = random.choice((100, 1000, 1024, 1025, 10_000, 200_000))
    inside = ("[" * depth + "]" * depth) if random.random() < 0.5 else ('{"a":' * depth + "1" + "}" * depth)
    path, page = valid(contract, random)
    holder, key = random.choice(list(_places(page)))
    holder[key] = "@"
    whole = inside if random.random() < 0.2 else dump(page).decode("ascii").replace('"@"', inside)
    return Body(path, whole.encode())


def lone_surrogates(contract: ModelContract, random: Random) -> Body:
    """Unpaired surrogates, escaped in JSON or as bytes that are not valid UTF-8."""
    path, page = valid(contract, random)
    words = [(holder, key) for holder, key in _places(page) if isinstance(holder[key], str)]
    holder, key = random.choice(words)
    holder[key] = random.choice(("\ud800", "\udfff", "a\udc80b", "\ud83d", "@"))
    return Body(path, dump(page).replace(b'"@"', b'"\xed\xa0\x80"'))


def duplicate_keys(contract: ModelContract, random: Random) -> Body:
    """An object with the same key twice and different values."""
    path, page = valid(contract, random)
    holder, key = random.choice([(holder, key) for holder, key in _places(page) if isinstance(holder, dict)])
    holder["@"] = copy.deepcopy(random.choice(ODD))
    return Body(path, dump(page).replace(b'"@"', json.dumps(key).encode()))


def empty_batches(contract: ModelContract, random: Random) -> Body:
    """Empty bodies, objects and lists."""
    path, _ = valid(contract, random)
    return Body(
        path,
        random.choice(
            (
                b"",
                b" ",
                b"{}",
                b"[]",
                b"null",
                b'""',
                b"0",
                b'{"documents":[]}',
                b'{"documents":[{}]}',
                b'{"documents":null}',
                b'{"inputs":[]}',
                b'{"inputs":[],"outputs":[]}',
                b'{"inputs":[{}]}',
                b'{"documents":[{"id":"","source":{}}]}',
            )
        ),
    )


def any_json(contract: ModelContract, random: Random) -> Body:
    """Random JSON in the place of the documents or tensors."""
    path, _ = valid(contract, random)
    return Body(path, dump({random.choice(("documents", "inputs", "outputs", "id")): _tree(random, 5)}))


def packed(contract: ModelContract, random: Random) -> Body:
    """gzip that is cut, damaged, concatenated, not gzip at all, or has another Content-Encoding."""
    path, page = valid(contract, random)
    whole = gzip.compress(dump(page))
    data = random.choice(
        (
            whole[: random.randrange(len(whole))],
            whole + b"more",
            whole + whole,
            b"\x1f\x8b" + random.randbytes(50),
            dump(page),
            zlib.compress(dump(page)),
            gzip.compress(whole),
            whole[:10] + random.randbytes(20) + whole[30:],
            whole,
        )
    )
    return Body(
        path,
        data,
        {"Content-Encoding": random.choice(("gzip", "gzip", "gzip", "deflate", "br", "gzip, gzip", "GZIP", "x"))},
    )


def gzip_bomb(contract: ModelContract, random: Random) -> Body:
    """A hundred megabytes packed into a hundred kilobytes, zeros or JSON."""
    path, _ = valid(contract, random)
    start = random.choice((b"", b'{"documents":['))
    filling = random.choice((b"\x00", b" ", b"[", b"1,"))
    return Body(path, gzip.compress(start + filling * (BOMB_BYTES // len(filling)), 1), {"Content-Encoding": "gzip"})


MAKERS: dict[str, Callable[[ModelContract, Random], Body]] = {
    "broken JSON": broken_json,
    "wrong types": wrong_types,
    "NaN, infinities, 1e400": invalid_numbers,
    "integers beyond 2^63": large_integers,
    "deep nesting": deep_nesting,
    "lone surrogates": lone_surrogates,
    "duplicate keys": duplicate_keys,
    "empty batches": empty_batches,
    "any JSON": any_json,
    "damaged gzip": packed,
}
HEAVY: dict[str, Callable[[ModelContract, Random], Body]] = {
    "a million fields": many_fields,
    "gzip bombs": gzip_bomb,
}
"""Kinds that take about a second each, so fewer are sent."""


def dump(page: Any) -> bytes:
    """JSON in ASCII; unpaired surrogates are escaped."""
    return json.dumps(page).encode("ascii")


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a tree, as a pair: the object or list, and the key or index in it."""
    keys: Any = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        yield tree, key
        if isinstance(tree[key], dict | list):
            yield from _places(tree[key])


def _tree(random: Random, depth: int) -> Any:
    match random.randrange(4 if depth else 2):
        case 0 | 1:
            return random.choice(ODD)
        case 2:
            return [_tree(random, depth - 1) for _ in range(random.randrange(4))]
        case _:
            keys = ("id", "source", "name", "shape", "datatype", "data", "kdd99", "", "a.b", "parameters")
            return {random.choice(keys): _tree(random, depth - 1) for _ in range(random.randrange(4))}
