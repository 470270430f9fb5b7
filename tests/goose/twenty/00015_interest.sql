-- +goose Up
UPDATE accounts SET balance = balance + 1;
-- +goose Down
UPDATE accounts SET balance = balance - 1;
