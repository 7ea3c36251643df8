"""Users, items, sessions and the change log."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE change_horizon (
        singleton BOOLEAN DEFAULT true NOT NULL,
        position BIGINT NOT NULL,
        CONSTRAINT change_horizon_pkey PRIMARY KEY (singleton),
        CONSTRAINT change_horizon_singleton_check CHECK (singleton)
    )
    """,
    """
    COMMENT ON TABLE change_horizon IS 'One row: the last position that was dropped from changes. No row: none was.'
    """,
    """
    CREATE TABLE changes (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        xid BIGINT DEFAULT CAST(CAST(pg_current_xact_id() AS text) AS bigint) NOT NULL,
        entity TEXT NOT NULL,
        key BIGINT NOT NULL,
        kind TEXT NOT NULL,
        before JSONB,
        after JSONB,
        position BIGINT,
        at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
        CONSTRAINT changes_pkey PRIMARY KEY (id)
    )
    """,
    "CREATE INDEX changes_pending_index ON changes (id) WHERE position IS NULL",
    """
    CREATE UNIQUE INDEX changes_position_index ON changes (position) WHERE position IS NOT NULL
    """,
    """
    COMMENT ON TABLE changes IS 'Every write to a recorded table, by its own transaction; see weft/changes.'
    """,
    """
    CREATE TABLE users (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        name TEXT NOT NULL,
        email TEXT NOT NULL,
        role TEXT DEFAULT 'MEMBER' NOT NULL,
        password_hash TEXT,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        search TSVECTOR GENERATED ALWAYS AS (to_tsvector('simple', name)) STORED NOT NULL,
        CONSTRAINT users_pkey PRIMARY KEY (id),
        CONSTRAINT users_role_check CHECK (role IN ('MEMBER', 'ADMIN'))
    )
    """,
    "CREATE UNIQUE INDEX users_email_key ON users (lower(email))",
    "CREATE INDEX users_search_index ON users USING gin (search)",
    """
    CREATE TABLE items (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        owner_id BIGINT NOT NULL,
        title TEXT COLLATE "C" NOT NULL,
        description TEXT,
        status TEXT DEFAULT 'DRAFT' NOT NULL,
        tags TEXT[] DEFAULT '{}' NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        search TSVECTOR GENERATED ALWAYS AS (to_tsvector('english', title || ' ' || coalesce(description, ''))) STORED NOT NULL,
        CONSTRAINT items_pkey PRIMARY KEY (id),
        CONSTRAINT items_status_check CHECK (status IN ('DRAFT', 'PUBLISHED', 'ARCHIVED')),
        CONSTRAINT items_owner_id_fkey FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE CASCADE
    )
     WITH (fillfactor = 80)
    """,
    "CREATE INDEX items_created_index ON items (status, created_at, id)",
    "CREATE INDEX items_owner_index ON items (owner_id, status, created_at, id)",
    "CREATE INDEX items_search_index ON items USING gin (search)",
    "CREATE INDEX items_tags_index ON items USING gin (tags)",
    "CREATE INDEX items_title_index ON items (status, title, id)",
    "CREATE INDEX items_updated_index ON items (status, updated_at, id)",
    """
    CREATE TABLE sessions (
        id BIGINT GENERATED ALWAYS AS IDENTITY,
        user_id BIGINT NOT NULL,
        opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT sessions_pkey PRIMARY KEY (id),
        CONSTRAINT sessions_user_id_fkey FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
    )
    """,
    "CREATE INDEX sessions_user_id_index ON sessions (user_id)",
    """COMMENT ON COLUMN sessions.expires_at IS 'when its newest token does'""",
    """
    CREATE TABLE refresh_tokens (
        digest BYTEA NOT NULL,
        session_id BIGINT NOT NULL,
        predecessor BYTEA,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        used_at TIMESTAMP WITH TIME ZONE,
        CONSTRAINT refresh_tokens_pkey PRIMARY KEY (digest),
        CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY(session_id) REFERENCES sessions (id) ON DELETE CASCADE
    )
    """,
    """
    CREATE INDEX refresh_tokens_session_id_expires_at_index ON refresh_tokens (session_id, expires_at)
    """,
    """COMMENT ON COLUMN refresh_tokens.predecessor IS 'digest of the token it was given for'""",
    """COMMENT ON COLUMN refresh_tokens.used_at IS 'its first use'""",
    """
    CREATE FUNCTION record_users_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO changes (entity, key, kind, after)
        VALUES ('User', NEW.id, 'CREATED', jsonb_build_object('role', NEW.role));
      ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO changes (entity, key, kind, before, after)
        VALUES ('User', NEW.id, 'UPDATED', jsonb_build_object('role', OLD.role), jsonb_build_object('role', NEW.role));
      ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO changes (entity, key, kind, before)
        VALUES ('User', OLD.id, 'DELETED', jsonb_build_object('role', OLD.role));
      ELSE
        INSERT INTO changes (entity, key, kind, before)
        SELECT 'User', truncated.id, 'DELETED', jsonb_build_object('role', truncated.role)
        FROM users AS truncated ORDER BY truncated.id;
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER record_users_change AFTER INSERT OR UPDATE OR DELETE ON users
    FOR EACH ROW EXECUTE FUNCTION record_users_change()
    """,
    """
    CREATE TRIGGER record_users_change_truncate BEFORE TRUNCATE ON users
    FOR EACH STATEMENT EXECUTE FUNCTION record_users_change()
    """,
    """
    CREATE FUNCTION record_items_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO changes (entity, key, kind, after)
        VALUES ('Item', NEW.id, 'CREATED', jsonb_build_object('owner_id', NEW.owner_id, 'status', NEW.status));
      ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO changes (entity, key, kind, before, after)
        VALUES ('Item', NEW.id, 'UPDATED', jsonb_build_object('owner_id', OLD.owner_id, 'status', OLD.status), jsonb_build_object('owner_id', NEW.owner_id, 'status', NEW.status));
      ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO changes (entity, key, kind, before)
        VALUES ('Item', OLD.id, 'DELETED', jsonb_build_object('owner_id', OLD.owner_id, 'status', OLD.status));
      ELSE
        INSERT INTO changes (entity, key, kind, before)
        SELECT 'Item', truncated.id, 'DELETED', jsonb_build_object('owner_id', truncated.owner_id, 'status', truncated.status)
        FROM items AS truncated ORDER BY truncated.id;
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER record_items_change AFTER INSERT OR UPDATE OR DELETE ON items
    FOR EACH ROW EXECUTE FUNCTION record_items_change()
    """,
    """
    CREATE TRIGGER record_items_change_truncate BEFORE TRUNCATE ON items
    FOR EACH STATEMENT EXECUTE FUNCTION record_items_change()
    """,
    """
    CREATE FUNCTION record_sessions_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    BEGIN
      IF TG_OP = 'INSERT' THEN
        INSERT INTO changes (entity, key, kind, after)
        VALUES ('Session', NEW.id, 'CREATED', jsonb_build_object('user_id', NEW.user_id));
      ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO changes (entity, key, kind, before, after)
        VALUES ('Session', NEW.id, 'UPDATED', jsonb_build_object('user_id', OLD.user_id), jsonb_build_object('user_id', NEW.user_id));
      ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO changes (entity, key, kind, before)
        VALUES ('Session', OLD.id, 'DELETED', jsonb_build_object('user_id', OLD.user_id));
      ELSE
        INSERT INTO changes (entity, key, kind, before)
        SELECT 'Session', truncated.id, 'DELETED', jsonb_build_object('user_id', truncated.user_id)
        FROM sessions AS truncated ORDER BY truncated.id;
      END IF;
      RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER record_sessions_change AFTER INSERT OR UPDATE OR DELETE ON sessions
    FOR EACH ROW EXECUTE FUNCTION record_sessions_change()
    """,
    """
    CREATE TRIGGER record_sessions_change_truncate BEFORE TRUNCATE ON sessions
    FOR EACH STATEMENT EXECUTE FUNCTION record_sessions_change()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE refresh_tokens, sessions, items, users, changes, change_horizon")
    op.execute("DROP FUNCTION record_users_change, record_items_change, record_sessions_change")
