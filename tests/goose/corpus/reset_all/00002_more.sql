-- +goose Up
CREATE TABLE more ();
