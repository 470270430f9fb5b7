-- +goose Up
ALTER TABLE leap ADD COLUMN note text;
