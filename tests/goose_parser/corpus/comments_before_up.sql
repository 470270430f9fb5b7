-- first

   
  -- second
-- +goose Up
SELECT 1;
