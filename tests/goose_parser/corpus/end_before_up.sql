-- +goose StatementEnd
-- +goose Up
SELECT 1;
