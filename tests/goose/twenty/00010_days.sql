-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS days (day date PRIMARY KEY, note text);
INSERT INTO days VALUES ('2024-01-01', 'new year') ON CONFLICT DO NOTHING;
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS days_note ON days (note);
VACUUM days;
-- +goose Down
DROP TABLE days;
