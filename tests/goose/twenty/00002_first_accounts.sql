-- +goose Up
INSERT INTO accounts SELECT n, 'owner ' || n, n * 10 FROM generate_series(1, 50) AS n;
-- +goose Down
DELETE FROM accounts;
