-- +goose Up
CREATE VIEW open_accounts AS SELECT id, owner FROM accounts WHERE state = 'open';
-- +goose Down
DROP VIEW open_accounts;
