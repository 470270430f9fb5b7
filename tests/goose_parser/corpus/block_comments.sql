-- +goose Up
/* one;
 two */
SELECT 1;
/* three */;
