-- +goose Up
SELECT 1;
-- +goose Down
-- +goose ENVSUB ON
SELECT 2;
