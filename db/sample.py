"""Sample rows: made-up users and items, the same ones for the same numbers; stores nothing."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from db.accounts.user import Role
from db.item import ItemStatus

FIRST_USER_AT = datetime(2025, 1, 1, tzinfo=UTC)
USERS_WITHIN = timedelta(days=30)
FIRST_ITEM_AT = FIRST_USER_AT + USERS_WITHIN
ITEMS_WITHIN = timedelta(days=240)

USER_COLUMNS = ("id", "name", "email", "role", "created_at", "email_verified_at")
ITEM_COLUMNS = (
    "id",
    "owner_id",
    "title",
    "description",
    "status",
    "tags",
    "created_at",
    "updated_at",
)


def _words(text: str) -> Sequence[str]:
    return tuple(text.split())


FIRST_NAMES = _words(
    "Ada Amina Anna Bao Carmen Chidi Dana Elif Emil Farah Goran Hana Ines Ivan Jonas Kofi Lea "
    "Luca Mina Nadia Noor Omar Pavel Priya Rosa Sami Sven Tara Yuki Zoe"
)
LAST_NAMES = _words(
    "Adeyemi Almeida Bauer Castillo Dubois Eriksen Fischer Garcia Haddad Ito Jansen Kaya Kowalski "
    "Lindqvist Mbeki Moreau Nakamura Novak Okafor Petrov Quispe Rossi Santos Singh Tanaka Vega "
    "Wagner Yilmaz Zhang Zimmer"
)
STYLES = _words(
    "Folding Sturdy Vintage Compact Handmade Painted Polished Reclaimed Slim Stackable Rustic "
    "Woven Heavy Plain Carved Light"
)
MATERIALS = _words(
    "acacia alder aluminium ash bamboo beech birch bone brass brick bronze canvas cedar ceramic "
    "cherry clay copper cork cotton denim ebony elm felt flax glass granite hemp iron jute larch "
    "leather linen marble maple oak olive paper pewter pine porcelain rattan silk slate spruce "
    "steel stone teak tin walnut wool"
)
THINGS = _words(
    "chair lamp shelf bench bowl kettle mirror clock basket stool table tray vase rug hook box "
    "frame cabinet planter ladder"
)
ROOMS = _words("kitchen bedroom hallway garden office workshop balcony")
CONDITIONS = (
    "Used for two winters and cleaned",
    "New, in its first packaging",
    "A few scratches on one side",
    "Repaired once and sound again",
    "Kept dry and out of the sun",
)
REASONS = (
    "given away as we move to a smaller flat",
    "sold because a second one was a present",
    "offered to whoever comes to fetch it",
    "one of a pair, the other stays with us",
)

# Of twenty items of a user one is not out yet and one is out no longer.
STATUS_PERIOD = 20
STATUSES = {6: ItemStatus.DRAFT, 13: ItemStatus.ARCHIVED}


def sample_users(count: int, seed: int) -> Iterator[tuple[object, ...]]:
    """`count` users as `USER_COLUMNS`, with ids from 1 and in the order of their creation."""
    # Of all that a Random gives, only random() is promised to stay the same in later Pythons.
    random = Random(f"users {seed}").random
    for id in range(1, count + 1):
        name = f"{_pick(FIRST_NAMES, random())} {_pick(LAST_NAMES, random())}"
        created_at = FIRST_USER_AT + USERS_WITHIN * ((id - random()) / count)
        yield id, name, f"user{id}@example.com", str(Role.MEMBER), created_at, created_at


def sample_items(count: int, owners: int, seed: int) -> Iterator[tuple[object, ...]]:
    """`count` items as `ITEM_COLUMNS`, with ids from 1 and in the order of their creation.

    Dealt to the owners 1 to `owners` in turn, in an order that tells nothing of their ids.
    """
    random = Random(f"items {seed}").random
    dealt = sorted(range(1, owners + 1), key=lambda _: random())
    for place in range(count):
        deal, turn = divmod(place, owners)
        owner = dealt[turn]
        status = STATUSES.get((deal + owner) % STATUS_PERIOD, ItemStatus.PUBLISHED)
        created_at = FIRST_ITEM_AT + ITEMS_WITHIN * ((place + random()) / count)
        style, thing = _pick(STYLES, random()), _pick(THINGS, random())
        material, room = _pick(MATERIALS, random()), _pick(ROOMS, random())
        description = (
            f"A {style.lower()} {thing} of {material} for use in the {room}. "
            f"{_pick(CONDITIONS, random())}; {_pick(REASONS, random())}. Number {place + 1}."
        )
        yield (
            place + 1,
            owner,
            f"{style} {material} {thing} {place + 1}",
            description,
            str(status),
            [material, room],
            created_at,
            created_at,
        )


def _pick(words: Sequence[str], share: float) -> str:
    return words[int(share * len(words))]
