-- +goose Up
CREATE OR REPLACE VIEW sales_by_region AS
    SELECT region, sum(amount) AS amount, count(*) AS sales
    FROM sales
    GROUP BY region;
REFRESH MATERIALIZED VIEW best_region;
CREATE UNIQUE INDEX best_region_only ON best_region (region);
