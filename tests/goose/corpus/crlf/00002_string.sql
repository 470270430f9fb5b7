-- +goose Up
INSERT INTO windows VALUES (1, 'over
two lines');
