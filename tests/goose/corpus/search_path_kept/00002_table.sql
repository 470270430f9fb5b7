-- +goose Up
CREATE TABLE here (a int);
