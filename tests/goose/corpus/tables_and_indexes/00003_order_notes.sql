-- +goose Up
ALTER TABLE orders
    ADD COLUMN note text,
    ADD COLUMN note_length integer GENERATED ALWAYS AS (length(note)) STORED;
CREATE UNIQUE INDEX customers_email_lower ON customers (lower(email));
ALTER TABLE customers DROP CONSTRAINT customers_email_key;

-- +goose Down
ALTER TABLE orders DROP COLUMN note_length, DROP COLUMN note;
