-- +goose Up
  
-- a comment
SELECT 1;
