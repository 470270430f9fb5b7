-- +goose Up
-- see the +goose annotations
SELECT 1;
