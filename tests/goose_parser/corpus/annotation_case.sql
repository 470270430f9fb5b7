-- +goose uP
-- +goose STATEMENTBEGIN
SELECT 1;
-- +goose statementend
-- +goose DOWN
