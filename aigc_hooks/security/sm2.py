"""SM2 signatures with another user id than the common one (GB/T 32918.2), which the library of SM2 cannot verify.

OpenSSL's command line signs without an id unless it is told one, labels and certificates alike. Only verified here,
with public numbers alone; a few milliseconds each.
"""

from __future__ import annotations

from aigc_hooks.security.algorithms import sm3

_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
_WIDTH = 32

_Point = tuple[int, int, int]
"""Jacobian coordinates; the third is zero at infinity."""


def verifies(spki: bytes, signature: bytes, message: bytes, user_id: bytes) -> bool:
    """Whether a signature is one of this message by this key and user id.

    Args:
        spki: The key, a SubjectPublicKeyInfo that ends with its point, as those do that ``Algorithm.fits`` accepts.
        signature: In DER.
        message: What was signed.
        user_id: Who signed.
    """
    x, y = (int.from_bytes(part, "big") for part in (spki[-2 * _WIDTH : -_WIDTH], spki[-_WIDTH:]))
    numbers = _numbers(signature)
    if numbers is None or x >= _P or y >= _P or (y * y - x**3 - _A * x - _B) % _P:
        return False
    r, s = numbers
    t = (r + s) % _N
    if not (0 < r < _N and 0 < s < _N and t):
        return False
    known = b"".join(value.to_bytes(_WIDTH, "big") for value in (_A, _B, *_G, x, y))
    digest = sm3(sm3((8 * len(user_id)).to_bytes(2, "big") + user_id + known) + message)
    point = _sum(s, _G, t, (x, y))
    if not point[2]:
        return False
    affine = point[0] * pow(point[2], -2, _P) % _P
    return (int.from_bytes(digest, "big") + affine) % _N == r


def _numbers(signature: bytes) -> tuple[int, int] | None:
    """The two numbers of a signature, in the one form that DER has for them."""
    found, at = [], 2
    if len(signature) < 8 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return None
    while at + 2 < len(signature):
        body = signature[at + 2 : at + 2 + signature[at + 1]]
        value = int.from_bytes(body, "big")
        if (
            signature[at] != 2
            or len(body) != signature[at + 1]
            or body != value.to_bytes(value.bit_length() // 8 + 1, "big")
        ):
            return None
        found.append(value)
        at += 2 + len(body)
    return (found[0], found[1]) if len(found) == 2 and at == len(signature) else None


def _sum(first: int, one: tuple[int, int], second: int, other: tuple[int, int]) -> _Point:
    """Two points, each so many times, added up."""
    a, b = (*one, 1), (*other, 1)
    both = _added(a, b)
    made = (1, 1, 0)
    for bit in range(max(first.bit_length(), second.bit_length()) - 1, -1, -1):
        made = _doubled(made)
        which = (first >> bit & 1) + 2 * (second >> bit & 1)
        if which:
            made = _added(made, (a, b, both)[which - 1])
    return made


def _doubled(point: _Point) -> _Point:
    x, y, z = point
    if not z or not y:
        return (1, 1, 0)
    square, quarter = z * z % _P, y * y % _P
    slope = 3 * (x - square) * (x + square) % _P
    middle = 4 * x * quarter % _P
    new = (slope * slope - 2 * middle) % _P
    return new, (slope * (middle - new) - 8 * quarter * quarter) % _P, 2 * y * z % _P


def _added(one: _Point, other: _Point) -> _Point:
    if not one[2] or not other[2]:
        return one if one[2] else other
    first, second = one[2] * one[2] % _P, other[2] * other[2] % _P
    u, v = one[0] * second % _P, other[0] * first % _P
    s, t = one[1] * second * other[2] % _P, other[1] * first * one[2] % _P
    h, r = (v - u) % _P, (t - s) % _P
    if not h:
        return (1, 1, 0) if r else _doubled(one)
    square = h * h % _P
    cube, base = square * h % _P, u * square % _P
    x = (r * r - cube - 2 * base) % _P
    return x, (r * (base - x) - s * cube) % _P, one[2] * other[2] * h % _P
