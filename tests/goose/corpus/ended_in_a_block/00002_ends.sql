-- +goose Up
-- +goose StatementBegin
INSERT INTO t VALUES (1);
COMMIT;
BEGIN;
INSERT INTO t VALUES (2);
-- +goose StatementEnd
