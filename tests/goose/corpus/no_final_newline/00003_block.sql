-- +goose Up
-- +goose StatementBegin
INSERT INTO t VALUES (2)
-- +goose StatementEnd