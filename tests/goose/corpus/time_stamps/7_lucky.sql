-- +goose Up
CREATE TABLE lucky (n int);
