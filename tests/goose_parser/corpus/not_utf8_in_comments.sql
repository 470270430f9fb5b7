-- größer
-- +goose Up
-- ÿ
SELECT 1;
-- +goose Down
SELECT 'ö';
