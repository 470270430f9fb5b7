-- +goose Up
-- a comment
SELECT 1
-- +goose Down
SELECT 2;
