-- +goose Up
UPDATE accounts SET state = 'closed' WHERE id > 40;
DELETE FROM accounts WHERE id > 48;
-- +goose Down
UPDATE accounts SET state = 'open';
