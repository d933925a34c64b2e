import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.record import RecordError, decode, encode

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
GAUGES = st.floats(-1e12, 1e12).map(lambda value: float(f"{value:.3g}"))


@st.composite
def rows(draw, numbers):
    values = sorted(set(draw(st.lists(numbers.map(lambda value: value + 0.0), min_size=1, max_size=20))))
    counts = draw(st.lists(st.integers(1, 10_000), min_size=len(values), max_size=len(values)))
    if draw(st.booleans()):
        values, counts = [draw(numbers) + 0.0 for _ in range(3)], counts[:1]
    return draw(st.integers(1, 10**6)), draw(st.integers(0, 60)), values, counts


@given(st.lists(st.one_of(rows(NUMBERS), rows(GAUGES), rows(st.integers(-(10**15), 10**15).map(float))), max_size=30))
def test_what_is_decoded_is_what_was_encoded(content):
    assert content == [(a, b, list(c), list(d)) for a, b, c, d in decode(encode(content))]


@given(st.binary(max_size=200))
def test_what_is_no_record_is_refused(content):
    with pytest.raises(RecordError):
        decode(content)


@given(st.lists(rows(GAUGES), min_size=1, max_size=5), st.data())
def test_a_damaged_record_is_refused(content, data):
    record = bytearray(encode(content))
    at = data.draw(st.integers(2, len(record) - 1))
    record[at] ^= data.draw(st.integers(1, 255))

    try:
        found = decode(bytes(record))
    except RecordError:
        return
    # Deflate has bits that mean nothing; the checksum holds the rest.
    assert content == [(a, b, list(c), list(d)) for a, b, c, d in found]


def test_three_digits_take_about_a_byte_each():
    values = [float(f"{10 + number * 0.37:.3g}") for number in range(60)]

    record = encode([(number, 0, values, [1] * 60) for number in range(100)])

    assert len(record) < 100 * 60 * 1.1
    assert len(record) < len(struct.pack("6000d", *values * 100)) / 7
