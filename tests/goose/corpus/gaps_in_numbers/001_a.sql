-- +goose Up
CREATE TABLE a (n int DEFAULT 1);
-- +goose Down
DROP TABLE a;
