-- +goose Up
-- +goose Befehl
CREATE TABLE two (a int);
