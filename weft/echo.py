"""Shortens the client's input in error messages: enough to recognise it, and no more."""

import re
from typing import Any

MAX_ECHO = 64
"""Most characters of one name or value."""
MAX_MESSAGE = 400
"""Most characters of a message. A longer one loses its middle."""

# Between these, graphql-core repeats the Python error that a scalar's function raised.
RAISED, FOUND = ", but encountered error '", "'; found: "
# How its parser names a string, which comes last and may contain quotes.
STRING, FULL_STOP = "String '", "'."

# Values that it writes in Python's form instead of JSON's.
CONSTANT = re.compile(r"(?<= value: )(?:True|False|None)\b")
JSON = {"True": "true", "False": "false", "None": "null"}

# The message of a scalar's parser, after Strawberry has named the value.
PARSER = re.compile(r'(?<= represent a )(\w+: ".*"\.) (?!Expected a string)[^"]+\Z', re.DOTALL)

# How names and values begin in the messages of graphql-core and msgspec: with a quote, as a list or
# object, which comes last, or as a word of more than 64 characters. An apostrophe is no quote.
BEGIN = re.compile(
    r"""(?<!\w)(?P<quote>"{3}|['"`])|(?<=\s)(?!\[\d+\])[\[{].*|[^\s'"`]{65,}""", re.DOTALL
)
END = {quote: re.compile(rf"(?<!\\){quote}(?!\w)") for quote in ("'", '"', '"""', "`")}


def echoed(text: str) -> str:
    """Returns the text, or as much of its beginning as an error may repeat."""
    return text if len(text) <= MAX_ECHO else f"{text[: MAX_ECHO - 1]}…"


class Echo(str):
    """A long string that messages repeat in short, even if it contains quotes.

    It equals the string that it was made of. graphql-core puts keys and the values of enums into
    its messages as they are, so a message does not show where such a text ends.
    """

    __slots__ = ()

    def __format__(self, spec: str, /) -> str:
        return format(echoed(str(self)), spec)

    def __repr__(self) -> str:
        return repr(echoed(str(self)))


def with_echoes(value: Any) -> Any:
    """Returns a JSON value in which each long string, and each long name, is an `Echo`."""
    if isinstance(value, str):
        return Echo(value) if len(value) > MAX_ECHO else value
    if isinstance(value, list):
        return [with_echoes(member) for member in value]
    if isinstance(value, dict):
        return {with_echoes(name): with_echoes(member) for name, member in value.items()}
    return value


def brief(message: str) -> str:
    """Returns the message with each name or value shortened, and Python's terms replaced.

    Messages of libraries repeat their input, however long it is. The time this takes is
    proportional to the message. Only a document's literal of a custom scalar that contains quotes
    may be repeated at more length, within MAX_MESSAGE.
    """
    message = message.replace(" not to be None", " not to be null").replace("`NoneType`", "`null`")
    message = PARSER.sub(r"\1", message)
    message = CONSTANT.sub(lambda found: JSON[found[0]], message)
    if len(message) <= MAX_ECHO:
        return message
    expected, _, rest = message.partition(RAISED)
    _, found, value = rest.partition(FOUND)
    if found:
        message = f"{expected}, found: {value}"
    before, string, value = message.partition(STRING)
    if string and value.endswith(FULL_STOP):
        message = f"{before}{STRING}{echoed(value.removesuffix(FULL_STOP))}{FULL_STOP}"
    message = "".join(_shortened(message))
    if len(message) > MAX_MESSAGE:
        half = (MAX_MESSAGE - 1) // 2
        message = f"{message[:half]}…{message[-half:]}"
    return message


def _shortened(message: str) -> list[str]:
    parts: list[str] = []
    at = 0
    while begin := BEGIN.search(message, at):
        parts.append(message[at : begin.start()])
        quote = begin["quote"]
        if quote is None:
            parts.append(echoed(begin[0]))
            at = begin.end()
            continue
        end = END[quote].search(message, begin.end())
        if end is None:
            return [*parts, echoed(message[begin.start() :])]
        parts += quote, echoed(message[begin.end() : end.start()]), quote
        at = end.end()
    return [*parts, message[at:]]
