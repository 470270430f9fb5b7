-- +goose Up
SELECT 1;
	
-- a comment
-- +goose Down
