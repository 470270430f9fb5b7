-- +goose Up create the table
SELECT 1;
