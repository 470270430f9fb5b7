-- +goose Up
CREATE TABLE plain (a int);
ALTER TABLE app.sessions SET SCHEMA public;
