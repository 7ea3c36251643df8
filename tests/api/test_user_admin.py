"""What admins do to users: what it ends, what it keeps, and its audit entries."""

import asyncio
from typing import Any

from tests.client import Api, Member
from tests.live import change, subscribed
from tests.resolvers.accounts.world import CountingHasher
from tests.sockets import Socket
from tests.waiting import until
from weft.declare.identity import encode_id

PASSWORD = "a long passphrase"
SIGN_IN = """mutation ($email: String!, $password: String!) {
    signIn(input: {email: $email, password: $password}) { viewer { id } errors { code } } }"""
LOG = """{ auditLog { nodes {
    action actorId actorName subjectId subjectName detail actor { id } subject { id } } } }"""


WAITING = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%items%'"""


async def act(api: Api, by: Member | None, operation: str, **input: Any) -> list[tuple[str, Any]]:
    """Runs a mutation; returns the codes and paths of its errors."""
    type_ = operation[0].upper() + operation[1:] + "Input"
    field = f"{operation}(input: $input) {{ errors {{ code path }} }}"
    text = f"mutation ($input: {type_}!) {{ {field} }}"
    errors = (await api.data(text, {"input": input}, by))[operation]["errors"]
    return [(error["code"], error["path"]) for error in errors]


async def sign_in(api: Api, email: str, password: str = PASSWORD) -> list[str]:
    data = await api.data(SIGN_IN, {"email": email, "password": password})
    return [error["code"] for error in data["signIn"]["errors"]]


async def with_password(api: Api, member: Member) -> str:
    """Lets the member sign in with `PASSWORD`; returns the member's e-mail address."""
    email: Any = await api.connection.fetchval(
        "UPDATE users SET password_hash = $1 WHERE id = $2 RETURNING email",
        CountingHasher().hash(PASSWORD),
        member.key,
    )
    return email


async def count(api: Api, table: str) -> int:
    found: Any = await api.connection.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def change_of_kind(socket: Socket, kind: str) -> dict[str, Any]:
    """Returns the next change of this kind; older changes may arrive before it."""
    while (told := await change(socket))["kind"] != kind:
        pass
    return told


class TestSuspendUser:
    async def test_suspension_ends_sessions_and_keeps_the_user_out_until_restored(
        self, api: Api
    ) -> None:
        ada, admin = await api.user("Ada"), await api.user(admin=True)
        email = await with_password(api, ada)
        assert await sign_in(api, email) == []
        assert await act(api, admin, "suspendUser", id=ada.id) == []
        assert await api.errors("{ viewer { id } }", by=ada) == [("UNAUTHENTICATED", None)]
        assert await count(api, "sessions") == 1
        assert await sign_in(api, email) == ["FORBIDDEN"]
        assert await sign_in(api, email, "not the password") == ["BAD_CREDENTIALS"]
        assert await act(api, admin, "restoreUser", id=ada.id) == []
        assert await sign_in(api, email) == []

    async def test_suspension_ends_sockets_at_once(self, api: Api, url: str) -> None:
        ada, admin = await api.user(), await api.user(admin=True)
        async with subscribed(url, ada) as socket:
            await act(api, admin, "suspendUser", id=ada.id)
            assert await socket.closed() == (4403, "The session has ended")

    async def test_concurrent_sign_in_does_not_outlive_a_suspension(self, api: Api) -> None:
        admin = await api.user(admin=True)
        for _ in range(5):
            ada = await api.user()
            email = await with_password(api, ada)
            await asyncio.gather(
                *(sign_in(api, email) for _ in range(3)),
                act(api, admin, "suspendUser", id=ada.id),
            )
            assert await count(api, f"sessions WHERE user_id = {ada.key}") == 0


class TestSetRole:
    async def test_new_role_holds_at_once_and_closes_sockets(self, api: Api, url: str) -> None:
        ada, admin = await api.user(), await api.user(admin=True)
        async with subscribed(url, ada) as socket:
            assert await act(api, admin, "setRole", id=ada.id, role="ADMIN") == []
            assert (await socket.closed())[0] == 4403
        assert (await api.data("{ viewer { role } }", by=ada))["viewer"] == {"role": "ADMIN"}
        assert await act(api, ada, "setRole", id=admin.id, role="MEMBER") == []
        assert await act(api, admin, "setRole", id=ada.id, role="MEMBER") == [("FORBIDDEN", [])]

    async def test_two_admins_who_demote_each_other_at_once_leave_one(self, api: Api) -> None:
        for _ in range(5):
            one, other = await api.user(admin=True), await api.user(admin=True)
            told = await asyncio.gather(
                act(api, one, "setRole", id=other.id, role="MEMBER"),
                act(api, other, "setRole", id=one.id, role="MEMBER"),
            )
            assert sorted(map(len, told)) == [0, 1]
            ids = f"({one.key}, {other.key})"
            assert await count(api, f"users WHERE role = 'ADMIN' AND id IN {ids}") == 1

    async def test_own_id_unknown_ids_and_ids_of_no_user_are_refused(self, api: Api) -> None:
        admin = await api.user(admin=True)
        item = await api.item(admin)
        for id, code in (
            (admin.id, "INVALID"),
            (item, "INVALID"),
            ("nonsense", "INVALID"),
            (encode_id("User", 999), "NOT_FOUND"),
        ):
            assert await act(api, admin, "setRole", id=id, role="MEMBER") == [(code, ["id"])]
        assert await count(api, "audit_entries") == 0


class TestDeleteUser:
    async def test_deletion_deletes_the_items_with_an_event_for_each(
        self, api: Api, url: str
    ) -> None:
        ada, admin = await api.user("Ada"), await api.user(admin=True)
        items = {await api.item(ada) for _ in range(3)}
        async with subscribed(url) as socket:
            assert await act(api, admin, "deleteUser", id=ada.id) == []
            told = [await change_of_kind(socket, "DELETED") for _ in range(3)]
        assert {one["id"] for one in told} == items
        assert (await count(api, "users"), await count(api, "items")) == (1, 0)
        assert await api.errors("{ viewer { id } }", by=ada) == [("UNAUTHENTICATED", None)]

    async def test_deletion_can_give_the_items_to_another_user(self, api: Api, url: str) -> None:
        ada, bob, admin = await api.user(), await api.user("Bob"), await api.user(admin=True)
        item = await api.item(ada)
        counts = "query ($id: ID!) { user(id: $id) { itemCount } }"
        assert await api.data(counts, {"id": bob.id}) == {"user": {"itemCount": 0}}
        async with subscribed(url) as socket:
            assert await act(api, admin, "deleteUser", id=ada.id, itemsTo=bob.id) == []
            told = await change_of_kind(socket, "UPDATED")
        assert told["item"]["owner"] == {"name": "Bob"}
        owned = await api.data("query ($id: ID!) { item(id: $id) { version } }", {"id": item})
        assert owned == {"item": {"version": 2}}
        assert await api.data(counts, {"id": bob.id}) == {"user": {"itemCount": 1}}

    async def test_items_cannot_go_to_the_deleted_or_an_unknown_user(self, api: Api) -> None:
        ada, admin = await api.user(), await api.user(admin=True)
        for heir, code in ((ada.id, "INVALID"), (encode_id("User", 999), "NOT_FOUND")):
            told = await act(api, admin, "deleteUser", id=ada.id, itemsTo=heir)
            assert told == [(code, ["itemsTo"])]
        assert await count(api, "users") == 2


class TestAuditLog:
    async def test_audit_log_lists_actor_action_and_subject_newest_first(self, api: Api) -> None:
        ada, admin = await api.user("Ada"), await api.user("Abel", admin=True)
        await api.item(ada)
        await act(api, admin, "setRole", id=ada.id, role="ADMIN")
        await act(api, admin, "suspendUser", id=ada.id)
        await act(api, admin, "restoreUser", id=ada.id)
        await act(api, admin, "deleteUser", id=ada.id)
        nodes = (await api.data(LOG, by=admin))["auditLog"]["nodes"]
        assert [(node["action"], node["detail"]) for node in nodes] == [
            ("DELETE_USER", "1 items deleted"),
            ("RESTORE_USER", None),
            ("SUSPEND_USER", None),
            ("SET_ROLE", "MEMBER to ADMIN"),
        ]
        for node in nodes:
            assert (node["actorId"], node["actorName"]) == (admin.id, "Abel")
            assert (node["subjectId"], node["subjectName"]) == (ada.id, "Ada")
            assert (node["actor"], node["subject"]) == ({"id": admin.id}, None)

    async def test_audit_log_has_no_entry_for_what_changed_nothing(self, api: Api) -> None:
        ada, admin = await api.user(), await api.user(admin=True)
        assert await act(api, admin, "setRole", id=ada.id, role="MEMBER") == []
        assert await act(api, admin, "restoreUser", id=ada.id) == []
        assert await count(api, "audit_entries") == 0

    async def test_audit_log_is_paged(self, api: Api) -> None:
        ada, admin = await api.user(), await api.user(admin=True)
        for operation in ("suspendUser", "restoreUser") * 2:
            await act(api, admin, operation, id=ada.id)
        text = """query ($after: String) { auditLog(first: 3, after: $after) {
            edges { cursor node { action } } pageInfo { hasNextPage endCursor } } }"""
        first = (await api.data(text, by=admin))["auditLog"]
        assert (len(first["edges"]), first["pageInfo"]["hasNextPage"]) == (3, True)
        after = {"after": first["pageInfo"]["endCursor"]}
        last = (await api.data(text, after, by=admin))["auditLog"]
        assert [edge["node"]["action"] for edge in last["edges"]] == ["SUSPEND_USER"]


class TestCreateItem:
    async def test_item_created_by_a_user_who_is_being_deleted_is_refused_clearly(
        self, api: Api
    ) -> None:
        ada = await api.user("Ada")
        transaction = api.connection.transaction()
        await transaction.start()
        # The insert waits for the lock on its owner; its session was valid when it began.
        await api.connection.execute("DELETE FROM users WHERE id = $1", ada.key)
        creating = asyncio.create_task(act(api, ada, "createItem", title="Mine"))

        async def waits() -> bool:
            await api.connection.execute("SELECT pg_stat_clear_snapshot()")
            return bool(await api.connection.fetchval(WAITING))

        await until(waits)
        await transaction.commit()
        assert await creating == [("FORBIDDEN", [])]
        assert await count(api, "items") == 0
