"""A stroke font for painted signs, plates and labels: capitals, digits and a few marks on a grid 4 wide and 6 high."""

from __future__ import annotations

from functools import cache

# Each glyph is strokes separated by commas; each stroke is points "xy" with the origin at the bottom left.
_GLYPHS = {
    "A": "00 26 40,12 32",
    "B": "00 06 36 45 44 33 03,33 42 41 30 00",
    "C": "45 36 16 05 01 10 30 41",
    "D": "00 06 26 44 42 20 00",
    "E": "46 06 00 40,03 33",
    "F": "46 06 00,03 33",
    "G": "45 36 16 05 01 10 30 41 43 23",
    "H": "00 06,40 46,03 43",
    "I": "00 06",
    "J": "46 41 30 10 01",
    "K": "00 06,46 03 40",
    "L": "06 00 40",
    "M": "00 06 23 46 40",
    "N": "00 06 40 46",
    "O": "10 01 05 16 36 45 41 30 10",
    "P": "00 06 36 45 44 33 03",
    "Q": "10 01 05 16 36 45 41 30 10,22 40",
    "R": "00 06 36 45 44 33 03,23 40",
    "S": "45 36 16 05 04 13 33 42 41 30 10 01",
    "T": "06 46,26 20",
    "U": "06 01 10 30 41 46",
    "V": "06 20 46",
    "W": "06 10 23 30 46",
    "X": "00 46,06 40",
    "Y": "06 23 46,23 20",
    "Z": "06 46 00 40",
    "0": "10 01 05 16 36 45 41 30 10",
    "1": "05 16 10",
    "2": "05 16 36 45 44 00 40",
    "3": "05 16 36 45 44 33 13,33 42 41 30 10 01",
    "4": "30 36 02 42",
    "5": "46 06 03 33 42 41 30 10 01",
    "6": "45 36 16 05 01 10 30 41 42 33 03",
    "7": "06 46 10",
    "8": "13 04 05 16 36 45 44 33 13 02 01 10 30 41 42 33",
    "9": "01 10 30 41 45 36 16 05 04 13 43",
    "-": "13 33",
    ".": "00 00",
    "&": "40 05 16 25 02 01 10 20 42",
}
_GAP = 1.6
_SPACE = 2.4

Stroke = tuple[tuple[float, float], ...]


@cache
def strokes(words: str) -> tuple[tuple[Stroke, ...], float]:
    """The polylines of a line of text and its length, letters 6 high from the base line; unknown letters are spaces."""
    lines: list[Stroke] = []
    x = 0.0
    for letter in words.upper():
        glyph = _GLYPHS.get(letter)
        if glyph is None:
            x += _SPACE
            continue
        parts = [[(int(pair[0]), int(pair[1])) for pair in stroke.split()] for stroke in glyph.split(",")]
        lines += [tuple((x + px, float(py)) for px, py in part) for part in parts]
        x += max(px for part in parts for px, _ in part) + _GAP
    return tuple(lines), max(x - _GAP, 0.0)


_HEADS = ("NOR", "EL", "MAR", "OAK", "RIV", "SUN", "HAR", "CED", "BEL", "KIN", "LAR", "WIN", "ASH", "ROS", "VAL", "TOR")
_TAILS = ("TON", "WAY", "DALE", "FIELD", "A", "ER", "MONT", "STEAD", "LEY", "O", "IA", "WOOD", "EN", "BURY", "EX", "IS")


def name_of(a: float, b: float) -> str:
    """An invented name from two numbers in (0, 1)."""
    return _HEADS[int(a * len(_HEADS))] + _TAILS[int(b * len(_TAILS))]
