import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.messages import graphemes, layout

FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
GERMANY = "\U0001f1e9\U0001f1ea"
THUMB = "\U0001f44d\U0001f3fd"
ACCENT = "e\u0301"


@pytest.mark.parametrize("whole", [FAMILY, GERMANY, THUMB, ACCENT, "❤\ufe0f", "\u1112\u1161\u11ab", "नि"])
def test_what_belongs_together_is_one_cluster(whole):
    assert graphemes.clusters(f"a{whole}b") == ["a", whole, "b"]


def test_two_flags_are_two_clusters():
    assert graphemes.clusters(GERMANY + GERMANY) == [GERMANY, GERMANY]


def test_a_cluster_is_never_cut():
    assert graphemes.shorten(f"ab{FAMILY}cd", 8) == "ab..."
    assert graphemes.shorten_bytes("日本語テスト", 10) == "日本..."


@settings(deadline=None)
@given(text=st.text(max_size=80), room=st.integers(0, 60))
def test_shortened_text_is_a_beginning_that_fits(text, room):
    for short, size in (
        (graphemes.shorten(text, room), len),
        (graphemes.shorten_bytes(text.encode("utf-8", "ignore").decode(), room), lambda part: len(part.encode())),
    ):
        assert size(short) <= room
        whole = text.encode("utf-8", "ignore").decode() if size is not len else text
        assert short == whole or whole.startswith(short.removesuffix("...").rstrip()) or short == "..."[:room]


@settings(deadline=None)
@given(text=st.text(max_size=400), indent=st.integers(0, 20))
def test_paragraphs_keep_to_the_columns_and_lose_nothing(text, indent):
    lines = layout.paragraph(text, indent=" " * indent)

    assert all(graphemes.columns(line) <= layout.COLUMNS for line in lines)
    assert "".join("".join(lines).split()) == "".join(layout.one_line(text).split())


def test_wide_characters_take_two_columns():
    lines = layout.paragraph("応" * 60)

    assert [len(line) for line in lines] == [39, 21]


def test_controls_and_overrides_are_blanks_and_joiners_stay():
    assert layout.one_line(f"a\x00b\u202ec\u2028d\ud800\uffff{FAMILY}") == f"a b c d {FAMILY}"


@pytest.mark.parametrize(
    "text, plain", [("85 °C \u2013 hot", "85 deg C - hot"), ("naïve µs\nx", "naive us x"), ("日本", "??")]
)
def test_subjects_are_ascii(text, plain):
    assert layout.ascii_only(text) == plain


@pytest.mark.parametrize(
    "text, told",
    [
        ("key AKIAIOSFODNN7EXAMPLE used", "key [access key removed] used"),
        (
            "https://b.s3.amazonaws.com/m?X-Amz-Signature=abc&x=1",
            "https://b.s3.amazonaws.com/m?X-Amz-Signature=[removed]&x=1",
        ),
        ("sent Bearer abcdefghijklmnop.qrst", "sent Bearer [removed]"),
        ("to https://hooks.slack.com/services/T0/B0/xyz now", "to [webhook removed] now"),
        ("token xoxb-123456789012-abc", "token [token removed]"),
        ("jwt eyJhbGciOiJIUzI1.eyJzdWIiOiIx.c2lnbmF0dXJl", "jwt [token removed]"),
        ("password=hunter2, api_key: k123", "password=[removed], api_key: [removed]"),
        ("4 tokens a second; the secret sauce", "4 tokens a second; the secret sauce"),
    ],
)
def test_credentials_are_not_told(text, told):
    assert layout.clean(text, 200) == told
