-- +goose NO TRANSACTION
-- +goose Up
ALTER TABLE accounts VALIDATE CONSTRAINT never_negative;
-- +goose Down
