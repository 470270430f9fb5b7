-- +goose Up
CREATE TABLE more (a int);
