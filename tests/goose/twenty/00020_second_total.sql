-- +goose Up
INSERT INTO totals VALUES ('2024-01-02', total());
-- +goose Down
DELETE FROM totals WHERE day = '2024-01-02';
