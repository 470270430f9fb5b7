-- +goose Up
  
-- a comment
