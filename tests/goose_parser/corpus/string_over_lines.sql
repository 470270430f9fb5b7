-- +goose Up
SELECT 'one;
two';
SELECT 2;
