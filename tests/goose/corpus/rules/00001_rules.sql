-- +goose Up
CREATE TABLE stock (item text PRIMARY KEY, amount int);
CREATE TABLE stock_log (item text, what text);
-- +goose StatementBegin
CREATE RULE stock_insert AS ON INSERT TO stock DO ALSO (
    INSERT INTO stock_log VALUES (NEW.item, 'insert');
    INSERT INTO stock_log VALUES (NEW.item, 'check');
);
-- +goose StatementEnd
INSERT INTO stock VALUES ('nut', 1);

-- +goose Down
DROP TABLE stock;
DROP TABLE stock_log;
