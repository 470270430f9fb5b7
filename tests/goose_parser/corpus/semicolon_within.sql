-- +goose Up
INSERT INTO a VALUES (';'), ('x');
SELECT 1; SELECT
2;
