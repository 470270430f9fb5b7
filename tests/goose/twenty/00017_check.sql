-- +goose Up
ALTER TABLE accounts ADD CONSTRAINT never_negative CHECK (balance >= 0) NOT VALID;
-- +goose Down
ALTER TABLE accounts DROP CONSTRAINT never_negative;
