-- +goose Up
SELECT 1;
SELECT 'größer';
