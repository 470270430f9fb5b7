-- +goose Up
DROP TABLE goose_db_version;
