-- +goose Up
CREATE INDEX CONCURRENTLY one_b ON one (b);
