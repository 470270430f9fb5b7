-- +goose Up
CREATE TABLE d (n int DEFAULT 41);
-- +goose Down
DROP TABLE d;
