"""The rules of a name, an e-mail address and a password, for whatever mutation takes one."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

from weft.auth.guessable import is_common
from weft.problem import Problems

MAX_NAME_LENGTH = 100
MAX_EMAIL_LENGTH = 254
MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = 200

# Where languages lose or keep the dot of an i, and so does PostgreSQL's `lower`.
_DOTS = {ord("ı"): "i", 0x0307: None}

# Control characters and halves of surrogate pairs.
_UNPRINTABLE = frozenset({"Cc", "Cs"})


def checked_name(problems: Problems, text: str) -> str:
    """The name to store, trimmed and in Unicode's composed form (NFC): 1 to 100 characters."""
    name = unicodedata.normalize("NFC", text[: 10 * MAX_NAME_LENGTH].strip())
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        problems.invalid(f"A name must have 1 to {MAX_NAME_LENGTH} characters.", "name")
    elif any(unicodedata.category(character) in _UNPRINTABLE for character in name):
        problems.invalid("A name must have no control characters.", "name")
    return name


def checked_email(problems: Problems, text: str) -> str:
    """The e-mail address to store: trimmed, NFC, domain in lower case; not looked up in the DNS."""
    email = normalised_email(text)
    if email is None:
        problems.invalid("This is no e-mail address.", "email")
    return email or text


def check_password(problems: Problems, password: str, path: str = "password") -> None:
    """10 to 200 characters, whichever they are, but none of the most common passwords.

    As NIST SP 800-63B-4, section 3.1.1.2, has it.
    """
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        message = f"A password must have {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters."
        problems.invalid(message, path)
    elif is_common(password):
        problems.invalid("This password is among the first that are guessed: take another.", path)


def normalised_email(text: str) -> str | None:
    """The address as it would be stored; None for what is no address."""
    if len(text) > 2 * MAX_EMAIL_LENGTH:
        return None
    try:
        # People try a server with addresses under .test, which is reserved for that (RFC 2606).
        valid = validate_email(text.strip(), check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        return None
    return valid.normalized


def account_key(text: str) -> str | None:
    """What attempts at an account are counted by: the same for all addresses that find it.

    None for what is no address: no account has it. Coarser than `lower` in any collation, by which
    accounts are looked up.
    """
    email = normalised_email(text)
    return None if email is None else email.casefold().translate(_DOTS)
