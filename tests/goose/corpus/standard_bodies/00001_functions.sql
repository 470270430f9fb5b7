-- +goose Up
CREATE TABLE counters (name text PRIMARY KEY, value int NOT NULL DEFAULT 0);
-- +goose StatementBegin
CREATE FUNCTION bump(which text) RETURNS int
LANGUAGE sql
BEGIN ATOMIC
    INSERT INTO counters (name) VALUES (which) ON CONFLICT DO NOTHING;
    UPDATE counters SET value = value + CASE WHEN which = 'two' THEN 2 ELSE 1 END WHERE name = which
        RETURNING value;
END;
-- +goose StatementEnd
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE RETURN n * 2;
-- +goose StatementBegin
CREATE PROCEDURE reset_all() LANGUAGE sql BEGIN ATOMIC DELETE FROM counters; END
-- +goose StatementEnd
SELECT bump('one'), bump('two');
