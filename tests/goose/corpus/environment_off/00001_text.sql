-- +goose Up
-- +goose ENVSUB OFF
CREATE TABLE paths (path text DEFAULT '${HOME}/x');
INSERT INTO paths VALUES ('$PATH'), (DEFAULT);
