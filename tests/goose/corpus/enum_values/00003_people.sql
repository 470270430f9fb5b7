-- +goose Up
INSERT INTO people VALUES ('Ann', 'so-so'), ('Bob', DEFAULT), ('Cid', 'blue');
ALTER TABLE people ALTER mood SET DEFAULT 'so-so';
