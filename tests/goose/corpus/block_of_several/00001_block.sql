-- +goose Up
-- +goose StatementBegin
CREATE TABLE one (a int); CREATE TABLE two (a int);
INSERT INTO one VALUES (1); INSERT INTO two SELECT a + 1 FROM one;
-- +goose StatementEnd
-- +goose StatementBegin
INSERT INTO two VALUES (3);
INSERT INTO two VALUES (4)
-- +goose StatementEnd
