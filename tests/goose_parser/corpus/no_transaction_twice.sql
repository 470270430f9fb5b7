-- +goose NO TRANSACTION
-- +goose no transaction
-- +goose Up
VACUUM;
