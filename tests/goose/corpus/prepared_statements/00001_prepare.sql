-- +goose Up
CREATE TABLE t (a int);
PREPARE add (int) AS INSERT INTO t VALUES ($1);
EXECUTE add(1);
DEALLOCATE add;
