-- +goose Up
CREATE TABLE leap (day date);
INSERT INTO leap VALUES ('2024-02-29');
