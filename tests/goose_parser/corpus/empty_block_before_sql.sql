-- +goose Up
-- +goose StatementBegin
-- +goose StatementEnd

DROP TABLE a;
SELECT 1;
