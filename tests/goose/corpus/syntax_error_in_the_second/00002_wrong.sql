-- +goose Up
ALTER TABLE one ADD COLUMN c int;
ALTER TABLE one AD COLUMN d int;
