-- +goose Up
CREATE TABLE never (a int);
