"""A window as the few bytes that wait on disk: whole numbers in columns, variable in length, then deflated.

A datum's values become whole numbers with one decimal exponent for all of them, sorted, each as its distance from the
one before; what no power of ten makes whole keeps its 64 bits. Series are numbers: who reads the record has them.
"""

import struct
import zlib
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

_RAW = 0
"""The exponent column's mark of numbers kept as their 64 bits."""
_MOST_DECIMALS = 12
_LARGEST_EXACT = 2**53
_LEVEL = 6
_SIGN = 1 << 63
_ALL_BITS = (1 << 64) - 1


class RecordError(ValueError):
    """The bytes are no record."""


Row = tuple[int, int, Sequence[float], Sequence[int]]
"""Series, second (0: the window's own; n: its nth second, from 1), numbers, counts.

With as many counts as numbers they are values, rising; with one count for three numbers they are a statistic set:
minimum, maximum, sum.
"""


def encode(rows: Iterable[Row]) -> bytes:
    """The record of the rows, in their order."""
    series: list[int] = []
    seconds: list[int] = []
    shapes: list[int] = []
    exponents: list[int] = []
    numbers: list[int] = []
    counts: list[int] = []
    before = 0
    for number, second, values, times in rows:
        series.append(_zigzag(number - before))
        before = number
        seconds.append(second)
        is_set = len(times) != len(values)
        shapes.append(0 if is_set else len(values))
        whole, exponent = to_whole(values)
        exponents.append(exponent)
        numbers.append(_zigzag(whole[0]))
        steps = [later - one for one, later in pairwise(whole)]
        numbers.extend(map(_zigzag, steps) if is_set else steps)  # values rise, a set's do not
        counts.extend(times)
    content = bytearray()
    for column in ([len(series)], series, seconds, shapes, exponents, numbers, counts):
        _append(content, column)
    return zlib.compress(content, _LEVEL)


def decode(record: bytes) -> list[Row]:
    """The rows. Raises RecordError for what `encode` did not make."""
    try:
        stream = _read(zlib.decompress(record))
        size = stream[0]
        series, seconds, shapes, exponents = (stream[1 + size * i : 1 + size * (i + 1)] for i in range(4))
        at = 1 + 4 * size
        lengths = [shape or 3 for shape in shapes]
        times = at + sum(lengths)
        if len(shapes) != size or len(exponents) != size or len(stream) != times + sum(shape or 1 for shape in shapes):
            raise RecordError("columns of the wrong length")
        rows: list[Row] = []
        number = 0
        for index in range(size):
            number += _unzigzag(series[index])
            length, counted = lengths[index], shapes[index] or 1
            steps = stream[at + 1 : at + length]
            whole = accumulate(map(_unzigzag, steps) if not shapes[index] else steps, initial=_unzigzag(stream[at]))
            values = from_whole(whole, exponents[index])
            rows.append((number, seconds[index], values, stream[times : times + counted]))
            at, times = at + length, times + counted
        return rows
    except (zlib.error, IndexError, struct.error, OverflowError) as error:
        raise RecordError(str(error) or type(error).__name__) from None


def to_whole(values: Sequence[float]) -> tuple[list[int], int]:
    """The values as whole numbers times a power of ten: the numbers, and the exponent column's entry for the power."""
    if all(value == int(value) for value in values):
        whole = [int(value) for value in values]
        if max(map(abs, whole)) < _LARGEST_EXACT:
            power = 0
            while any(whole) and not any(one % 10 for one in whole):
                whole = [one // 10 for one in whole]
                power += 1
            return whole, _zigzag(power) + 1
    decimal = max(map(abs, values)) < _LARGEST_EXACT
    for decimals in range(1, _MOST_DECIMALS + 1) if decimal else ():
        scale = 10**decimals
        whole = [round(value * scale) for value in values]
        if all(one / scale == value for one, value in zip(whole, values, strict=True)):
            return whole, _zigzag(-decimals) + 1
    return [_bits(value) for value in values], _RAW


def from_whole(whole: Iterable[int], exponent: int) -> list[float]:
    """The values that `to_whole` made the whole numbers and the exponent column's entry of."""
    if exponent == _RAW:
        return [_from_bits(one) for one in whole]
    power = _unzigzag(exponent - 1)
    if power < 0:
        scale = 10**-power
        return [one / scale for one in whole]
    scale = 10**power
    return [float(one * scale) for one in whole]


def _bits(value: float) -> int:
    """The 64 bits of a number, ordered as the numbers are."""
    bits = int(struct.unpack(">Q", struct.pack(">d", value))[0])
    return bits ^ (_ALL_BITS if bits & _SIGN else _SIGN)


def _from_bits(bits: int) -> float:
    return float(struct.unpack(">d", struct.pack(">Q", bits ^ (_SIGN if bits & _SIGN else _ALL_BITS)))[0])


def _zigzag(number: int) -> int:
    return number * 2 if number >= 0 else -2 * number - 1


def _unzigzag(number: int) -> int:
    return (number >> 1) ^ -(number & 1)


def _append(content: bytearray, column: Sequence[int]) -> None:
    if not column or max(column) < 0x80:
        content.extend(column)
        return
    for number in column:
        while number > 0x7F:
            content.append(number & 0x7F | 0x80)
            number >>= 7
        content.append(number)


def _read(content: bytes) -> list[int]:
    if content.isascii():
        return list(content)
    numbers = []
    number = shift = 0
    for byte in content:
        if byte > 0x7F:
            number |= (byte & 0x7F) << shift
            shift += 7
        elif shift:
            numbers.append(number | byte << shift)
            number = shift = 0
        else:
            numbers.append(byte)
    if shift:
        raise RecordError("cut short")
    return numbers
