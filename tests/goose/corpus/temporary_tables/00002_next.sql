-- +goose Up
INSERT INTO result SELECT a FROM longer;
