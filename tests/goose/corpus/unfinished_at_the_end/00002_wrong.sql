-- +goose Up
CREATE TABLE two (a int);
CREATE TABLE three (a int)
