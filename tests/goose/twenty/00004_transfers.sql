-- +goose Up
CREATE TABLE transfers (id int PRIMARY KEY, sender int REFERENCES accounts, amount int);
CREATE INDEX transfers_sender ON transfers (sender);
-- +goose Down
DROP TABLE transfers;
