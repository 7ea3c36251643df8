"""Generates streams of a client's WebSocket frames: most are plain, some are odd."""

from hypothesis import strategies as st

from tests.parsers.streams import damaged

TEXTS = (b"", b"a", b'{"type":"ping"}', "äöü€😀".encode(), b"x" * 125, b"x" * 126)
BYTES = (
    b"\xff",
    b"\xc3",
    b"\xed\xa0\x80",
    b"a\x00b",
    b"\xf0\x9f\x98",
    b"\xef\xbb\xbfa",
    b"y" * 300,
)
CLOSES = (
    *(
        b"",
        b"\x03\xe8",
        b"\x03\xe8bye",
        b"\x03\xe9",
        b"\x03\xed",
        b"\x03\xee",
        b"\x03",
        b"\x00\x00",
    ),
    *(
        b"\x0f\xa0",
        b"\x13\x88",
        b"\x03\xe8\xff",
        b"\x03\xf7",
        b"\x03\xe8" + b"z" * 123,
        b"\xff\xff",
    ),
)
CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
FINAL = 0x80
MASKED = 0x80


def frame(
    opcode: int, payload: bytes, *, final: bool = True, mask: bytes | None = bytes(4), form: int = 0
) -> bytes:
    """Returns a frame, unmasked if `mask` is None. `form` 126 or 127 forces a long length field."""
    size = len(payload)
    form = form or min(126, size)
    masked = MASKED if mask is not None else 0
    head = bytes((opcode | (FINAL if final else 0), masked | form))
    if form >= 126:
        head += size.to_bytes(2 if form == 126 else 8, "big")
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Draws a message in one or more fragments, perhaps with control frames between them."""
    opcode = draw(st.sampled_from((TEXT, TEXT, BINARY)))
    payload = draw(st.sampled_from(TEXTS) | st.sampled_from(TEXTS + BYTES))
    places = sorted(draw(st.lists(st.integers(0, len(payload)), max_size=3)))
    mask = draw(st.just(bytes(4)) | st.binary(min_size=4, max_size=4))
    frames: list[bytes] = []
    for start, end in zip([0, *places], [*places, len(payload)], strict=True):
        kind = CONTINUED if frames else opcode
        is_last = len(frames) >= len(places)
        frames.append(frame(kind, payload[start:end], final=is_last, mask=mask))
        if not is_last and draw(st.booleans()):
            control = frame(draw(st.sampled_from((PING, PONG))), draw(st.sampled_from(TEXTS[:5])))
            frames[-1] += control
    return b"".join(frames)


controls = st.builds(frame, st.sampled_from((PING, PONG)), st.sampled_from(TEXTS[:5]))
closes = st.builds(frame, st.just(CLOSE), st.sampled_from(CLOSES))
odd = st.builds(
    frame,
    st.integers(0, 15) | st.sampled_from((0x11, 0x21, 0x41, 0x42, 0x49)),
    st.sampled_from(TEXTS + BYTES),
    final=st.booleans(),
    mask=st.sampled_from((None, bytes(4), b"mask")),
    form=st.sampled_from((0, 0, 126, 127)),
)
long = st.sampled_from(
    (b"\x81\xff" + b"\xff" * 12, b"\x82\xff" + bytes(5) + b"\x01\x00\x00" + bytes(4), b"\x81\xfe")
)
plain = messages() | messages() | controls
sockets = st.lists(plain | plain | plain | closes | odd | long, max_size=6).map(b"".join)
frame_streams = sockets | damaged(sockets)
