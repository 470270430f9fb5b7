-- +goose Up
VACUUM;
-- +goose Down
-- +goose NO TRANSACTION
