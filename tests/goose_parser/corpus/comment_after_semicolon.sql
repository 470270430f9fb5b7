-- +goose Up
SELECT 1; -- one
SELECT 2;	--two;
SELECT 3; --
