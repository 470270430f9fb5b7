-- +goose Up
SELECT 1 -- one;
, 2; -- two
