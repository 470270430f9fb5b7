-- +goose Up
INSERT INTO one VALUES (3);
VACUUM one;
