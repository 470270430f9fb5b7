-- +goose Up
CREATE TABLE ten (a int);
