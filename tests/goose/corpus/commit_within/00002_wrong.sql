-- +goose Up
CREATE TABLE two (a int);
COMMIT;
