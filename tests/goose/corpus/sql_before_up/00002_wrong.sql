CREATE TABLE two (a int);
-- +goose Up
CREATE TABLE three (a int);
