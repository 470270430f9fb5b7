-- +goose Up
DELETE FROM one;
-- +goose StatementBegin
DO $$
BEGIN
    RAISE EXCEPTION 'there are rows' USING HINT = 'move them first';
END
$$;
-- +goose StatementEnd
