-- +goose Up
CREATE TABLE windows (
    id int,
    name text DEFAULT 'x'
);
-- +goose StatementBegin
CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RETURN 1;
END;
$$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION one();
DROP TABLE windows;
