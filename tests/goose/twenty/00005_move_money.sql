-- +goose Up
INSERT INTO transfers VALUES (1, 1, 5), (2, 2, 7);
UPDATE accounts SET balance = balance - amount FROM transfers WHERE sender = accounts.id;
-- +goose Down
UPDATE accounts SET balance = balance + amount FROM transfers WHERE sender = accounts.id;
DELETE FROM transfers;
