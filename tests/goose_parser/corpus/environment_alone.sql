-- +goose ENVSUB
-- +goose Up
SELECT 1;
