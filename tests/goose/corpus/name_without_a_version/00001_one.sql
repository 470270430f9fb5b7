-- +goose Up
CREATE TABLE one (a int UNIQUE, b int NOT NULL DEFAULT 0);
INSERT INTO one VALUES (1), (2);
-- +goose Down
DROP TABLE one;
