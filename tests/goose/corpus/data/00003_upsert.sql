-- +goose Up
INSERT INTO accounts (id, owner, balance) VALUES (5, 'five', 0), (999, 'new', 1)
ON CONFLICT (id) DO UPDATE SET owner = excluded.owner;
SELECT setval('accounts_id_seq', (SELECT max(id) FROM accounts));
MERGE INTO accounts AS a USING (VALUES (7, 70), (8, 80)) AS v (id, balance) ON a.id = v.id
WHEN MATCHED THEN UPDATE SET balance = v.balance
WHEN NOT MATCHED THEN INSERT (id, balance) VALUES (v.id, v.balance);
-- +goose Down
TRUNCATE accounts;
