-- +goose Up
CREATE TABLE c (n int DEFAULT 40);
-- +goose Down
DROP TABLE c;
