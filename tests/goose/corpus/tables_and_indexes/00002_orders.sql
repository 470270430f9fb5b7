-- +goose Up
CREATE TABLE orders (
    id          bigserial PRIMARY KEY,
    customer_id bigint NOT NULL REFERENCES customers (id) ON DELETE CASCADE,
    state       varchar(20) NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'paid', 'sent')),
    total       numeric(12, 2) NOT NULL CHECK (total >= 0)
);
CREATE INDEX orders_customer ON orders (customer_id);
CREATE INDEX orders_open ON orders (id) WHERE state <> 'sent';

-- +goose Down
DROP TABLE orders;
