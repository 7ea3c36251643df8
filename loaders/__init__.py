"""What is loaded together: every loader of an operation, keys in, rows out, in key order."""

from db.item_page import count_reach, page_reach
from loaders.accounts.audit_entry import audit_entries_by_window
from loaders.accounts.session import sessions_by_user
from loaders.accounts.user import user_by_id, user_count_by_scope, users_by_scope
from loaders.item import (
    item_by_id,
    item_count_by_owner,
    item_count_by_scope,
    items_by_scope,
)
from weft.loading.loader import LoaderSet, loads
from weft.loading.reach import Reach
from weft.postgres.text_search import is_narrowed_by_text


class Loaders(LoaderSet):
    """The loaders of one operation."""

    user_by_id = loads(user_by_id, reach=Reach.PAGE)
    users_by_scope = loads(users_by_scope, reach=lambda key: key.reach)
    user_count_by_scope = loads(user_count_by_scope, reach=Reach.TABLE)
    item_by_id = loads(item_by_id, reach=Reach.PAGE)
    items_by_scope = loads(items_by_scope, reach=page_reach)
    item_count_by_scope = loads(item_count_by_scope, reach=count_reach)
    item_count_by_owner = loads(item_count_by_owner, reach=Reach.PAGE)
    sessions_by_user = loads(sessions_by_user, reach=Reach.PARENT)
    audit_entries_by_window = loads(audit_entries_by_window, reach=Reach.PAGE)
    is_narrowed_by_text = loads(is_narrowed_by_text, reach=Reach.PAGE)
