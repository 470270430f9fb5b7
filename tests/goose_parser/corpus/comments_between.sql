-- first
-- +goose Up
-- one

  -- two
SELECT 1,
-- three
2; -- four
-- five
