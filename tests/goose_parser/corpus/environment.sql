-- +goose ENVSUB ON
-- +goose Up
SELECT 1;
