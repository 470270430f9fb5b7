-- +goose Up
SELECT 1;--one
SELECT 2;
