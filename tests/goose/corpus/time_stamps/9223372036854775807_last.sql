-- +goose Up
ALTER TABLE leap ADD COLUMN last boolean;
