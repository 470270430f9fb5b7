-- +goose Up
CREATE TABLE log (what text);
-- +goose StatementBegin
CREATE FUNCTION log_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO log VALUES (TG_OP);
    RETURN NULL;
END;
$$;
CREATE TRIGGER log_change AFTER UPDATE ON accounts EXECUTE FUNCTION log_change();
-- +goose StatementEnd
-- +goose Down
DROP TRIGGER log_change ON accounts;
DROP FUNCTION log_change();
DROP TABLE log;
