-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY events_kind ON events (kind);
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS events_id ON events (id);
VACUUM ANALYZE events;

-- +goose Down
DROP INDEX CONCURRENTLY events_kind;
DROP INDEX CONCURRENTLY events_id;
