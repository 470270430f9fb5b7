-- +goose Up
SELECT 1;--one
