-- +goose Up
SELECT 1,
-- +goose NO TRANSACTION
2;
SELECT 3;
