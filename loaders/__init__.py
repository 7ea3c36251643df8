"""What is loaded together: every loader of an operation, keys in, rows out, in key order."""

from loaders.audit_entry import audit_entries_by_window
from loaders.item import item_by_id, item_count_by_owner, item_count_by_scope, items_by_scope
from loaders.session import sessions_by_user
from loaders.user import user_by_id, user_count_by_scope, users_by_scope
from weft.loading.loader import LoaderSet, loads


class Loaders(LoaderSet):
    """The loaders of one operation."""

    user_by_id = loads(user_by_id)
    users_by_scope = loads(users_by_scope)
    user_count_by_scope = loads(user_count_by_scope)
    item_by_id = loads(item_by_id)
    items_by_scope = loads(items_by_scope)
    item_count_by_scope = loads(item_count_by_scope)
    item_count_by_owner = loads(item_count_by_owner)
    sessions_by_user = loads(sessions_by_user)
    audit_entries_by_window = loads(audit_entries_by_window)
