-- +goose Up
SELECT 'one
-- +goose ENVSUB OFF
two';
