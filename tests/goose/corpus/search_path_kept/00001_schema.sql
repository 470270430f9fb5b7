-- +goose Up
CREATE SCHEMA app;
SET search_path TO app, public;
