-- +goose Up
CREATE TABLE totals (day date, total int);
-- +goose StatementBegin
CREATE FUNCTION total() RETURNS int LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT sum(balance) FROM accounts);
END;
$$;
-- +goose StatementEnd
-- +goose Down
DROP FUNCTION total();
DROP TABLE totals;
