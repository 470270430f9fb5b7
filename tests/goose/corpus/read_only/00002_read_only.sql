-- +goose Up
SET TRANSACTION READ ONLY;
SELECT count(*) FROM one;
