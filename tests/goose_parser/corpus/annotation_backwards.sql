-- Up +goose
SELECT 1;
-- Do+goosewn
SELECT 2;
