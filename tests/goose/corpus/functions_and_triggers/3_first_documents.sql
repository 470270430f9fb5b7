-- +goose Up
INSERT INTO documents (id, body) VALUES (1, 'one'), (2, 'two');
UPDATE documents SET body = upper(body) WHERE id = 2;

-- +goose Down
DELETE FROM documents;
