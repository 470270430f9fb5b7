-- +goose Up
ALTER TYPE mood ADD VALUE 'so-so' BEFORE 'happy';
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'sad';
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue';
