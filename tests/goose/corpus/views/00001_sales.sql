-- +goose Up
CREATE TABLE sales (region text, amount int);
INSERT INTO sales VALUES ('north', 10), ('north', 5), ('south', 7);
CREATE VIEW sales_by_region AS
    SELECT region, sum(amount) AS amount
    FROM sales
    GROUP BY region;
CREATE MATERIALIZED VIEW best_region AS
    SELECT region FROM sales_by_region ORDER BY amount DESC LIMIT 1
    WITH NO DATA;
