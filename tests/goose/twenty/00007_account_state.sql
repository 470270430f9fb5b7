-- +goose Up
ALTER TABLE accounts ADD COLUMN state state NOT NULL DEFAULT 'open';
-- +goose Down
ALTER TABLE accounts DROP COLUMN state;
