-- +goose Up
INSERT INTO a VALUES ('größer, 日本語, 😀');
