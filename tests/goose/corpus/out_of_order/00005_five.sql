-- +goose Up
CREATE TABLE five (a int);
