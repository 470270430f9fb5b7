-- +goose Up
-- +goose NO TRANSACTION
DROP INDEX CONCURRENTLY IF EXISTS accounts_owner;
CREATE INDEX CONCURRENTLY IF NOT EXISTS accounts_balance ON accounts (balance) WHERE state = 'open';
-- +goose Down
DROP INDEX CONCURRENTLY accounts_balance;
CREATE INDEX CONCURRENTLY accounts_owner ON accounts (owner);
