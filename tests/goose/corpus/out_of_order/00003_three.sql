-- +goose Up
CREATE TABLE three (a int);
