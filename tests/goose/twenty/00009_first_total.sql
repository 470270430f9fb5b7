-- +goose Up
INSERT INTO totals VALUES ('2024-01-01', total());
-- +goose Down
DELETE FROM totals;
