-- +goose Up
CREATE TABLE accounts (id int PRIMARY KEY, owner text NOT NULL, balance int NOT NULL);
-- +goose Down
DROP TABLE accounts;
