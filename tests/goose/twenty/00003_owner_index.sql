-- +goose NO TRANSACTION
-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS accounts_owner ON accounts (owner);
-- +goose Down
DROP INDEX CONCURRENTLY accounts_owner;
