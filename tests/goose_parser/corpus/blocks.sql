-- +goose Up
SELECT 0;
-- +goose StatementBegin
SELECT 1;
-- +goose StatementEnd
-- +goose StatementBegin
SELECT 2;
-- +goose StatementEnd
SELECT 3;
