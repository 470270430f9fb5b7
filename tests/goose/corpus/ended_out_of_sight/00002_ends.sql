-- +goose Up
SET standard_conforming_strings = off;
-- +goose StatementBegin
INSERT INTO t VALUES (1);
SELECT 'a\''; COMMIT; BEGIN; SELECT 'b\'';
INSERT INTO t VALUES (2);
-- +goose StatementEnd
