-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE half (a int);
INSERT INTO half VALUES (1);
INSERT INTO nowhere VALUES (1);
INSERT INTO half VALUES (2);
