-- +goose NO TRANSACTION
-- +goose Up
-- +goose StatementBegin
INSERT INTO one VALUES (5);
INSERT INTO two VALUES (5);
-- +goose StatementEnd
INSERT INTO one VALUES (6);
