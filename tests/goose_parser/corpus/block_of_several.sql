-- +goose Up
-- +goose StatementBegin
SELECT 1;

-- two
SELECT 2;
-- +goose StatementEnd
