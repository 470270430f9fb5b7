-- Projects, the tokens that they hand out, and the audit trail.

CREATE TABLE IF NOT EXISTS projects (
    id         text      PRIMARY KEY,
    name       text      NOT NULL UNIQUE,
    api_key    text      NOT NULL,
    is_active  boolean   NOT NULL DEFAULT true,
    created_at timestamp NOT NULL DEFAULT current_timestamp,
    updated_at timestamp NOT NULL DEFAULT current_timestamp
);
CREATE INDEX IF NOT EXISTS idx_projects_name ON projects (name);

CREATE TABLE IF NOT EXISTS tokens (
    token         text      PRIMARY KEY,
    project_id    text      NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    expires_at    timestamp,
    is_active     boolean   NOT NULL DEFAULT true,
    request_count integer   NOT NULL DEFAULT 0,
    max_requests  integer,
    created_at    timestamp NOT NULL DEFAULT current_timestamp,
    last_used_at  timestamp
);
CREATE INDEX IF NOT EXISTS idx_tokens_project_id ON tokens (project_id);
CREATE INDEX IF NOT EXISTS idx_tokens_expires_at ON tokens (expires_at);
CREATE INDEX IF NOT EXISTS idx_tokens_is_active  ON tokens (is_active);

CREATE TABLE IF NOT EXISTS audit_events (
    id             text      PRIMARY KEY,
    timestamp      timestamp NOT NULL,
    action         text      NOT NULL,
    actor          text      NOT NULL,
    project_id     text,
    request_id     text,
    correlation_id text,
    client_ip      text,
    method         text,
    path           text,
    user_agent     text,
    outcome        text      NOT NULL CHECK (outcome IN ('success', 'failure')),
    reason         text,
    token_id       text,
    metadata       text
);
CREATE INDEX IF NOT EXISTS idx_audit_timestamp  ON audit_events (timestamp);
CREATE INDEX IF NOT EXISTS idx_audit_action     ON audit_events (action);
CREATE INDEX IF NOT EXISTS idx_audit_project_id ON audit_events (project_id);
CREATE INDEX IF NOT EXISTS idx_audit_client_ip  ON audit_events (client_ip);
CREATE INDEX IF NOT EXISTS idx_audit_request_id ON audit_events (request_id);
CREATE INDEX IF NOT EXISTS idx_audit_outcome    ON audit_events (outcome);
CREATE INDEX IF NOT EXISTS idx_audit_ip_action  ON audit_events (client_ip, action);
