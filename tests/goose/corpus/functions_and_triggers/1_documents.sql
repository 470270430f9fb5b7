-- +goose Up
CREATE TABLE documents (id int PRIMARY KEY, body text, changed_at timestamp);
CREATE TABLE document_changes (id int, old_body text);

-- +goose Down
DROP TABLE document_changes;
DROP TABLE documents;
