"""Ways to damage a file: cut it, flip its bits, write large numbers and hostile words where others stood."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from random import Random

# Numbers that a length or a count may become, and words that a name may become.
EXTREMES = (0, 1, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1)
TEXT_NUMBERS = (b"0", b"-1", b"999999999999999999999", b"1e999", b"-1e-400", b"nan", b"inf", b"1.5", b"true", b"[]")
WORDS = (
    b"", b"../../../outside", b"/etc/passwd", b"canary.py", b"__import__('os').system('touch canary')", b"\\u0000",
    b"x" * 100_000, b"NUL", "\N{PILE OF POO}".encode(), b"\xff\xfe", b"%s%n{0.__class__}", b"__class__", b"pickle",
)  # fmt: skip
NESTING = 100_000


def cut(content: bytes, rng: Random) -> bytes:
    """Leave out the end."""
    return content[: rng.randrange(len(content) + 1)]


def flip(content: bytes, rng: Random) -> bytes:
    """Flip one bit."""
    if not content:
        return b"\x01"
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def scribble(content: bytes, rng: Random) -> bytes:
    """Write other bytes over up to sixteen places."""
    changed = bytearray(content or b"\0")
    for _ in range(rng.randint(1, 16)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def overwrite_header(content: bytes, rng: Random) -> bytes:
    """Flip a bit or write a byte within the first 64, where formats keep their lengths."""
    changed = bytearray(content or b"\0")
    changed[rng.randrange(min(64, len(changed)))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


def extreme_number(content: bytes, rng: Random) -> bytes:
    """Write a binary number of one to eight bytes that is very small or very large, mostly near the beginning."""
    letter = rng.choice("BHIQ")
    number = rng.choice(EXTREMES) % 256 ** struct.calcsize(letter)
    packed = struct.pack(rng.choice("<>") + letter, number)
    place = rng.randrange(min(len(content), rng.choice((64, len(content) or 1))) or 1)
    return content[:place] + packed + content[place + len(packed) :]


def extreme_text_number(content: bytes, rng: Random) -> bytes:
    """Write another number where a number stands in the text."""
    return _substitute(rb"-?\d+(\.\d+)?", TEXT_NUMBERS, content, rng)


def hostile_word(content: bytes, rng: Random) -> bytes:
    """Write another word where a quoted word stands in the text."""
    return _substitute(rb'(?<=")[^"\n]{0,200}(?=")', WORDS, content, rng)


def _substitute(pattern: bytes, by: tuple[bytes, ...], content: bytes, rng: Random) -> bytes:
    places = [match.span() for match in re.finditer(pattern, content[:100_000])]
    if not places:
        return scribble(content, rng)
    start, end = rng.choice(places)
    return content[:start] + rng.choice(by) + content[end:]


def remove(content: bytes, rng: Random) -> bytes:
    """Take a stretch out of the middle."""
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.randint(1, 200) :]


def repeat(content: bytes, rng: Random) -> bytes:
    """Have a stretch twice."""
    start = rng.randrange(len(content) + 1)
    end = start + rng.randint(1, 200)
    return content[:end] + content[start:]


def insert(content: bytes, rng: Random) -> bytes:
    """Put random bytes somewhere."""
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.randbytes(rng.randint(1, 200)) + content[place:]


def blank(content: bytes, rng: Random) -> bytes:
    """Overwrite a stretch with zeros, as a disk does that lost a block, or with ones."""
    start, length = rng.randrange(len(content) + 1), rng.choice((8, 64, 512, 4096))
    return content[:start] + bytes([rng.choice((0, 0xFF))]) * length + content[start + length :]


def append(content: bytes, rng: Random) -> bytes:
    """Go on after the end."""
    return content + rng.randbytes(rng.randint(1, 10_000))


def nest(content: bytes, rng: Random) -> bytes:
    """Open more brackets somewhere than any parser's stack holds."""
    place = rng.choice((0, len(content), rng.randrange(len(content) + 1)))
    return content[:place] + rng.choice((b"[", b"{", b'{"a":', b"(", b"[[a.")) * NESTING + content[place:]


def noise(content: bytes, rng: Random) -> bytes:
    """Replace everything."""
    return rng.randbytes(rng.choice((0, 1, 7, 8, 9, 100, len(content))))


WAYS: tuple[Callable[[bytes, Random], bytes], ...] = (
    cut, flip, scribble, overwrite_header, extreme_number, extreme_text_number, hostile_word, remove, repeat, insert,
    blank, append, nest, noise,
)  # fmt: skip


def damage(content: bytes, rng: Random) -> tuple[str, bytes]:
    """Return the name of a way to damage a file, drawn at random, and the content after it."""
    way = rng.choice(WAYS)
    return way.__name__, way(content, rng)
