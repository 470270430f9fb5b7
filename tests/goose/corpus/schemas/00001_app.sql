-- +goose Up
CREATE SCHEMA app;
CREATE TABLE app.users (id int PRIMARY KEY);
SET LOCAL search_path TO app, public;
CREATE TABLE sessions (user_id int REFERENCES users (id));
