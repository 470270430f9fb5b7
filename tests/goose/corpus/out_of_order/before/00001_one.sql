-- +goose Up
CREATE TABLE one (a int);
