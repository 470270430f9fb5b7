-- +goose Up
RESET search_path;
CREATE TABLE there (a int);
