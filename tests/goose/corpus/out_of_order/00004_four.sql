-- +goose Up
CREATE TABLE four (a int);
