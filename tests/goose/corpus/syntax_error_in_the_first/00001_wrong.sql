-- +goose Up
CREATE TABLE fine (a int);
CREATE TABEL wrong (a int);
