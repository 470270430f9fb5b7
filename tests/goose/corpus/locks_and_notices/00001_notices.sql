-- +goose Up
CREATE TABLE t (a int);
LOCK TABLE t IN ACCESS EXCLUSIVE MODE;
-- +goose StatementBegin
DO $$ BEGIN RAISE NOTICE 'half way: %', 50; RAISE WARNING 'careful'; END $$;
-- +goose StatementEnd
DROP TABLE IF EXISTS nowhere;
NOTIFY changes, 'migrated';
ALTER TABLE t ALTER a TYPE bigint;
