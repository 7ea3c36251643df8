"""Settings of what clients may send: a base class of `settings.Settings`, which has the others."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from weft.execution.limits import Limits
from weft.rates.attempts import AttemptLimits


def _split(value: object) -> object:
    return (
        [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, str)
        else value
    )


CommaSeparated = Annotated[list[str], NoDecode, BeforeValidator(_split)]


class LimitSettings(BaseSettings):
    """Settings of what is read, run and refused; all limits are on by default."""

    document_limit_characters: int = Field(
        default=131_072, ge=1_024, description="A longer GraphQL document is refused."
    )
    document_limit_tokens: int = Field(
        default=3_000, ge=100, description="Names, numbers, punctuation; a document has no more."
    )
    document_limit_depth: int = Field(
        default=20,
        ge=1,
        le=100,
        description="How deeply fields stand in fields; introspection needs 15.",
    )
    document_limit_aliases: int = Field(
        default=100, ge=0, description="Aliases that a document may have."
    )
    document_limit_directives: int = Field(
        default=100, ge=0, description="Directives that a document may have."
    )
    document_limit_fragments: int = Field(
        default=200, ge=0, description="Fragments that a document may define."
    )
    document_limit_nodes: int = Field(
        default=5_000,
        ge=1,
        description="Fields of a document, each fragment counted as often as it is spread.",
    )
    document_limit_name_characters: int = Field(
        default=256, ge=32, description="Characters of a name in a document, such as an alias."
    )
    cost_limit: int = Field(
        default=25_000,
        ge=1,
        description="What a query or mutation may cost: an object costs 1, a field that is asked "
        "for 1, a mutation 10, and a list as many times what it holds as it may have members.",
    )
    cost_limit_subscription: int = Field(
        default=1_000, ge=1, description="What each event of a subscription may cost."
    )
    cost_in_answers: bool = Field(
        default=True, description="Answers have their operation's cost in `extensions.cost`."
    )
    answer_limit_bytes: int = Field(
        default=10_000_000,
        ge=65_536,
        description="The longest answer; one that is longer is RESPONSE_TOO_LARGE instead, and "
        "what its operation wrote stays written. Events, and answers on sockets, may not be longer "
        "than SOCKET_BUFFER_BYTES either.",
    )
    connections: int = Field(
        default=16_384,
        ge=1,
        description="Connections of a process at once, sockets too, at most as many as it may open "
        "files; the next is answered 503.",
    )
    connections_per_address: int = Field(
        default=2_500,
        ge=1,
        description="Of these, from one address (of IPv6, one /64) that is neither this machine's "
        "nor one of TRUSTED_PROXIES; the next is answered 429.",
    )
    operations_at_once: int = Field(
        default=1_000,
        ge=1,
        description="Operations that a process runs at once; the next is answered 503.",
    )
    cost_per_minute: int = Field(
        default=1_000_000,
        ge=1,
        description="What the operations of one viewer, and of one network address, may cost in a "
        "minute, each event of a subscription too; more is answered 429. Programs on the machine "
        "itself are not counted.",
    )
    subscriptions_per_viewer: int = Field(
        default=200,
        ge=1,
        description="Different subscriptions of one viewer at once, per process; those that are "
        "identical count once. The next is refused with TOO_MANY_REQUESTS.",
    )
    subscriptions_per_address: int = Field(
        default=2_000, ge=1, description="The same from one network address."
    )
    resumes_at_once: int = Field(
        default=10_000,
        ge=1,
        description="Subscriptions of one viewer, and from one network address, that are catching "
        "up at once, per process; the next is refused with TOO_MANY_REQUESTS.",
    )
    search_connections: int = Field(
        default=2,
        ge=1,
        le=100,
        description="Connections held for what reads more than it gives: searches, filters, "
        "counts, orders without an index; per process, besides READ_CONNECTIONS.",
    )
    search_timeout_ms: int = Field(
        default=2_000,
        ge=10,
        le=600_000,
        description="PostgreSQL ends a statement on these connections after this; the field is "
        "answered SEARCH_TOO_BROAD.",
    )
    searches_per_client: int = Field(
        default=50,
        ge=1,
        description="Statements of one viewer from one network address that may wait for these "
        "connections, per process; more are answered TOO_MANY_REQUESTS.",
    )
    sign_ins_per_account: int = Field(
        default=10,
        ge=1,
        description="Attempts at one account from one address in 15 minutes, until one succeeds.",
    )
    sign_ins_per_address: int = Field(
        default=60, ge=1, description="Attempts from one address in a minute, at any account."
    )
    sign_ins_at_account: int = Field(
        default=100,
        ge=1,
        description="Attempts at one account in an hour from anywhere; from then on, each address "
        "may try once an hour, and of IPv6 each /48.",
    )
    sign_ups_per_address: int = Field(
        default=30, ge=1, description="New accounts from one address in an hour."
    )
    password_resets_per_account: int = Field(
        default=5,
        ge=1,
        description="Mails that reset the password of one account, asked for from one address in "
        "an hour.",
    )
    password_resets_per_address: int = Field(
        default=30, ge=1, description="The same from one address in an hour, for any account."
    )
    password_resets_at_account: int = Field(
        default=20,
        ge=1,
        description="The same for one account in an hour from anywhere; from then on, each address "
        "may ask once an hour, and of IPv6 each /48.",
    )
    mails_per_account: int = Field(
        default=5,
        ge=1,
        description="Mails of one other kind (an address to verify, a password that was changed) "
        "for one account, and sign-ups with one e-mail address, from one address in an hour.",
    )
    mails_per_address: int = Field(
        default=30, ge=1, description="Such mails from one address in an hour, for any account."
    )
    mails_at_account: int = Field(
        default=20,
        ge=1,
        description="The same for one account in an hour from anywhere; from then on as resets.",
    )
    trusted_proxies: CommaSeparated = Field(
        default_factory=list,
        description="Addresses and networks of proxies whose X-Forwarded-For is believed, separated"
        " by commas, such as `10.0.0.0/8`; declare one on this machine as `127.0.0.1`.",
    )
    documents: Literal["any", "trusted"] = Field(
        default="any",
        description="`trusted` runs nothing but documents that `weft documents add` has "
        "registered; `any` runs these, texts, and by SHA-256 texts that were sent before.",
    )
    documents_shared: int = Field(
        default=1_000,
        ge=0,
        description="Texts that are kept in Redis by their SHA-256 (automatic persisted queries).",
    )
    document_max_age_seconds: int = Field(
        default=0,
        ge=0,
        description="How long caches may serve the answer to a stranger's GET of a named document "
        "without asking again.",
    )
    introspection: Literal["all", "admins", "none"] | None = Field(
        default=None,
        description="Who may introspect, and is told names like the one that is wrong: `all`, "
        "`admins` or `none`; unset, `admins` in production and `all` elsewhere.",
    )
    explain: Literal["all", "admins", "none"] | None = Field(
        default=None,
        description='Who may ask, by `"extensions": {"explain": true}`, what an operation took, '
        "statements included: `all`, `admins` or `none`; unset, `none` in production and `all` "
        "elsewhere.",
    )
    pages: bool | None = Field(
        default=None,
        description="Whether browsers are shown GraphiQL at `/graphql` and the example of a client "
        "at `/live`; unset, everywhere but in production.",
    )

    @property
    def attempts(self) -> AttemptLimits:
        """The limits of attempts to sign in, to sign up and to request mails."""
        return AttemptLimits(
            self.sign_ins_per_account,
            self.sign_ins_per_address,
            self.sign_ins_at_account,
            self.sign_ups_per_address,
            self.password_resets_per_account,
            self.password_resets_per_address,
            self.password_resets_at_account,
            self.mails_per_account,
            self.mails_per_address,
            self.mails_at_account,
        )

    @property
    def limits(self) -> Limits:
        """The limits of documents and operations."""
        return Limits(
            characters=self.document_limit_characters,
            tokens=self.document_limit_tokens,
            depth=self.document_limit_depth,
            aliases=self.document_limit_aliases,
            directives=self.document_limit_directives,
            fragments=self.document_limit_fragments,
            nodes=self.document_limit_nodes,
            name_characters=self.document_limit_name_characters,
            cost=self.cost_limit,
            subscription_cost=self.cost_limit_subscription,
        )
