"""A canvas of braille dots (2 × 4 a character), drawn in vertical spans; ASCII for terminals without UTF-8."""

from __future__ import annotations

_LEFT = (0x01, 0x02, 0x04, 0x40)
_RIGHT = (0x08, 0x10, 0x20, 0x80)


def _spans(dots: tuple[int, int, int, int]) -> tuple[tuple[int, ...], ...]:
    """`[first][last]` → mask of the dots between two rows of one cell."""
    return tuple(tuple(sum(dots[first : last + 1]) for last in range(4)) for first in range(4))


_MASKS = (_spans(_LEFT), _spans(_RIGHT))
_FULL = (bytes([sum(_LEFT)]), bytes([sum(_RIGHT)]))


def _ascii(mask: int) -> str:
    """The ASCII character nearest to a braille cell: by which of its top, middle and bottom are inked."""
    rows = [bool(mask & (left | right)) for left, right in zip(_LEFT, _RIGHT, strict=True)]
    top, middle, bottom = rows[0], rows[1] or rows[2], rows[3]
    return {
        (False, False, False): " ", (True, False, False): "'", (False, True, False): "-", (False, False, True): ".",
        (True, True, False): "'", (False, True, True): ".",
    }.get((top, middle, bottom), "|")  # fmt: skip


BRAILLE = " " + "".join(chr(0x2800 + mask) for mask in range(1, 256))
ASCII = "".join(_ascii(mask) for mask in range(256))


class Canvas:
    """`width` × `height` cells of dots. Dot (0, 0) is top left; whatever lies outside is not drawn."""

    __slots__ = ("_halves", "dots_high", "dots_wide", "height", "width")

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.dots_wide, self.dots_high = width * 2, height * 4
        self._halves = (bytearray(width * height), bytearray(width * height))

    def span(self, x: int, top: int, bottom: int) -> None:
        """Ink column `x` from dot `top` down to dot `bottom`, both included."""
        if top > bottom:
            top, bottom = bottom, top
        if not 0 <= x < self.dots_wide or bottom < 0 or top >= self.dots_high:
            return
        if top < 0:
            top = 0
        if bottom >= self.dots_high:
            bottom = self.dots_high - 1
        side, width = x & 1, self.width
        cells, masks = self._halves[side], _MASKS[side]
        first, last = (top >> 2) * width + (x >> 1), (bottom >> 2) * width + (x >> 1)
        if first == last:
            cells[first] |= masks[top & 3][bottom & 3]
            return
        cells[first] |= masks[top & 3][3]
        cells[last] |= masks[0][bottom & 3]
        between = (bottom >> 2) - (top >> 2) - 1
        if between > 0:
            cells[first + width : last : width] = _FULL[side] * between

    def masks(self) -> bytes:
        """One byte a cell, row by row: bit n is dot n+1 of the braille pattern."""
        left, right = (int.from_bytes(half, "little") for half in self._halves)
        return (left | right).to_bytes(self.width * self.height, "little")
