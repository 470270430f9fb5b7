-- +goose Up
UPDATE accounts SET balance = balance - 5 WHERE id % 2 = 0;
DELETE FROM accounts WHERE balance < 20;
WITH moved AS (
    DELETE FROM accounts WHERE id > 18 RETURNING *
)
INSERT INTO accounts (id, owner, balance, closed)
SELECT id + 100, owner, balance, true FROM moved;
