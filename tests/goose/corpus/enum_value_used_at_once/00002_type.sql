-- +goose Up
CREATE TYPE state AS ENUM ('on');
