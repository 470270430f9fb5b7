-- +goose Up
CREATE TABLE something ();
