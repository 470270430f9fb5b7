-- +goose Up
CREATE TABLE two (a int);
