-- +goose Up
INSERT INTO one VALUES (3);
