"""How to query each field of the authorization matrix, and the scene to query it in."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pwdlib.hashers.argon2 import Argon2Hasher

from tests.client import Api, Member
from weft.auth.sessions import digest
from weft.declare.identity import encode_id

ROLES = ("stranger", "member", "owner", "admin")
PASSWORD = "a long passphrase"
NEW_PASSWORD = "a longer passphrase"
REFRESH_TOKEN = "a refresh token of the owner"
VERIFICATION_TOKEN = "a token that proves the owner's address"
RESET_TOKEN = "a token that resets the owner's password"

TYPES = {"owner": "ID!", "item": "ID!", "session": "ID!", "email": "String!"}
"""The types of the variables that a text may use."""

OPERATIONS = {
    "Query.viewer": "viewer { id }",
    "Query.node": "node(id: $item) { id }",
    "Query.nodes": "nodes(ids: [$item]) { id }",
    "Query.user": "user(id: $owner) { id }",
    "Query.users": "users { nodes { id } }",
    "Query.item": "item(id: $item) { id }",
    "Query.items": "items { nodes { id } }",
    "Query.auditLog": "auditLog { nodes { at } }",
    "Mutation.signUp": (
        f'signUp(input: {{name: "A", email: "new@weft.test", password: "{PASSWORD}"}}) {{ ... }}'
    ),
    "Mutation.signIn": f'signIn(input: {{email: $email, password: "{PASSWORD}"}}) {{ ... }}',
    "Mutation.refreshSession": (
        f'refreshSession(input: {{refreshToken: "{REFRESH_TOKEN}"}}) {{ ... }}'
    ),
    "Mutation.signOut": "signOut { ... }",
    "Mutation.updateProfile": 'updateProfile(input: {name: "New"}) { ... }',
    "Mutation.changePassword": (
        f'changePassword(input: {{currentPassword: "{PASSWORD}", newPassword: "{NEW_PASSWORD}"}})'
        "{ ... }"
    ),
    "Mutation.verifyEmail": f'verifyEmail(input: {{token: "{VERIFICATION_TOKEN}"}}) {{ ... }}',
    "Mutation.requestEmailVerification": "requestEmailVerification { ... }",
    "Mutation.requestPasswordReset": "requestPasswordReset(input: {email: $email}) { ... }",
    "Mutation.resetPassword": (
        f'resetPassword(input: {{token: "{RESET_TOKEN}", newPassword: "{NEW_PASSWORD}"}}) {{ ... }}'
    ),
    "Mutation.endSession": "endSession(input: {id: $session}) { ... }",
    "Mutation.setRole": "setRole(input: {id: $owner, role: ADMIN}) { ... }",
    "Mutation.suspendUser": "suspendUser(input: {id: $owner}) { ... }",
    "Mutation.restoreUser": "restoreUser(input: {id: $owner}) { ... }",
    "Mutation.deleteUser": "deleteUser(input: {id: $owner}) { ... }",
    "Mutation.createItem": 'createItem(input: {title: "New"}) { ... }',
    "Mutation.updateItem": 'updateItem(input: {id: $item, title: "New"}) { ... }',
    "Mutation.deleteItem": "deleteItem(input: {id: $item}) { ... }",
}
"""Fields of the root types; `...` stands for the selection on a payload."""

WAYS = {
    "User": "user(id: $owner) { ... }",
    "Item": "item(id: $item) { ... }",
    "Node": "node(id: $owner) { ... }",
    "UserConnection": "users { ... }",
    "UserEdge": "users { edges { ... } }",
    "PageInfo": "users { pageInfo { ... } }",
    "ItemConnection": "user(id: $owner) { items { ... } }",
    "ItemEdge": "user(id: $owner) { items { edges { ... } } }",
    "SessionPayload": OPERATIONS["Mutation.signIn"],
    "Session": OPERATIONS["Mutation.signIn"].replace("...", "session { ... }"),
    "SignOutPayload": OPERATIONS["Mutation.signOut"],
    "UserPayload": OPERATIONS["Mutation.updateProfile"],
    "ItemPayload": OPERATIONS["Mutation.updateItem"],
    "DeleteItemPayload": OPERATIONS["Mutation.deleteItem"],
    "ActiveSession": "user(id: $owner) { sessions { ... } }",
    "AuditEntryConnection": "auditLog { ... }",
    "AuditEntryEdge": "auditLog { edges { ... } }",
    "AuditEntry": "auditLog { nodes { ... } }",
    "DeleteUserPayload": OPERATIONS["Mutation.deleteUser"],
    "EndSessionPayload": OPERATIONS["Mutation.endSession"],
    "RequestPasswordResetPayload": OPERATIONS["Mutation.requestPasswordReset"],
    "ResetPasswordPayload": OPERATIONS["Mutation.resetPassword"],
    "VerifyEmailPayload": OPERATIONS["Mutation.verifyEmail"],
    "RequestEmailVerificationPayload": OPERATIONS["Mutation.requestEmailVerification"],
    "UserError": 'updateItem(input: {id: "wrong"}) { errors { ... } }',
}
"""A path to an object of each type; `...` stands for its fields."""


@dataclass(frozen=True)
class Row:
    """A line of the table: a field, whether its item is a draft, and what each role gets."""

    coordinate: str
    is_of_a_draft: bool
    outcomes: dict[str, str]

    @property
    def type_name(self) -> str:
        return self.coordinate.partition(".")[0]

    @property
    def field_name(self) -> str:
        return self.coordinate.partition(".")[2]


def read_table() -> list[Row]:
    """Returns the lines of the table that begin with a coordinate."""
    text = Path(__file__).with_suffix(".txt").read_text()
    rows: list[Row] = []
    for line in text.splitlines():
        what, *outcomes = line.rsplit(maxsplit=len(ROLES)) or [""]
        if len(outcomes) == len(ROLES) and set(outcomes) <= {"yes", "none", "no"}:
            coordinate, draft, _ = what.partition(" of a draft")
            rows.append(Row(coordinate, bool(draft), dict(zip(ROLES, outcomes, strict=True))))
    return rows


@dataclass
class Scene:
    """An owner with an item, and a viewer of each role."""

    api: Api
    viewers: dict[str, Member | None]
    variables: dict[str, str]

    async def ask(self, text: str, by: str) -> dict[str, Any]:
        """Returns the whole response to an operation with these fields of a root type."""
        is_mutation = any(f"Mutation.{name}" in OPERATIONS for name in text.split("(")[0].split())
        kind = "mutation" if is_mutation else "query"
        used = {name: type_ for name, type_ in TYPES.items() if f"${name}" in text}
        declared = ", ".join(f"${name}: {type_}" for name, type_ in used.items())
        operation = f"{kind} ({declared}) {{ {text} }}" if used else f"{kind} {{ {text} }}"
        variables = {name: self.variables[name] for name in used}
        return await self.api.answer(operation, variables, self.viewers[by])


async def new_scene(api: Api, *, draft: bool = False) -> Scene:
    """Makes a new scene in the database; all its users have a password."""
    owner = await api.user()
    viewers = {
        "stranger": None,
        "member": await api.user(),
        "owner": owner,
        "admin": await api.user(admin=True),
    }
    status = "DRAFT" if draft else "PUBLISHED"
    item = await api.item(owner, description="Told", status=status)
    hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
    await api.connection.execute("UPDATE users SET password_hash = $1", hasher.hash(PASSWORD))
    await api.connection.execute("DELETE FROM refresh_tokens")
    await api.connection.execute(
        "INSERT INTO refresh_tokens (digest, session_id, expires_at) "
        "SELECT $1, id, $2 FROM sessions WHERE user_id = $3",
        digest(REFRESH_TOKEN),
        api.clock() + timedelta(days=1),
        owner.key,
    )
    admin = viewers["admin"]
    await api.connection.execute(
        "INSERT INTO audit_entries (at, actor_id, actor_name, action, subject_id, subject_name, "
        "detail) VALUES (now(), $1, 'Ada', 'SET_ROLE', $2, 'Ada', 'ADMIN to MEMBER')",
        admin and admin.key,
        owner.key,
    )
    email: Any = await api.connection.fetchval("SELECT email FROM users WHERE id = $1", owner.key)
    await api.connection.execute("DELETE FROM password_resets")
    await api.connection.execute(
        "INSERT INTO password_resets (digest, user_id, email, expires_at) VALUES ($1, $2, $3, $4)",
        digest(RESET_TOKEN),
        owner.key,
        email,
        api.clock() + timedelta(minutes=1),
    )
    await api.connection.execute(
        "INSERT INTO email_verifications (user_id, digest, email, expires_at) "
        "VALUES ($1, $2, $3, $4)",
        owner.key,
        digest(VERIFICATION_TOKEN),
        email,
        api.clock() + timedelta(minutes=1),
    )
    session: Any = await api.connection.fetchval(
        "SELECT id FROM sessions WHERE user_id = $1", owner.key
    )
    session_id = encode_id("Session", session)
    return Scene(
        api, viewers, {"owner": owner.id, "item": item, "session": session_id, "email": email}
    )
