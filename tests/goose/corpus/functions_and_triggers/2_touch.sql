-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION touch() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := timestamp '2024-01-01 00:00:00';
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO document_changes VALUES (OLD.id, OLD.body);
    END IF;
    RETURN NEW;
END;
$$;
-- +goose StatementEnd
CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION touch();

-- +goose Down
DROP TRIGGER touch ON documents;
DROP FUNCTION touch();
