-- +goose Up
CREATE TABLE b (n int DEFAULT 5);
-- +goose Down
DROP TABLE b;
