-- +goose Up
ALTER TABLE totals RENAME COLUMN total TO amount;
-- +goose Down
ALTER TABLE totals RENAME COLUMN amount TO total;
