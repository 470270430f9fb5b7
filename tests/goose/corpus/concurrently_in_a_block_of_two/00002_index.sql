-- +goose NO TRANSACTION
-- +goose Up
-- +goose StatementBegin
INSERT INTO one VALUES (3);
CREATE INDEX CONCURRENTLY one_b ON one (b);
-- +goose StatementEnd
