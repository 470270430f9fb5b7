-- +goose Up
CREATE TABLE a (
    id int
);
CREATE INDEX ON a (id);

INSERT INTO a
VALUES (1);
