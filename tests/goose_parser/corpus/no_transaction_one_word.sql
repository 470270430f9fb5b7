-- +goose NOTRANSACTION
-- +goose Up
VACUUM;
