-- +goose Up
-- +goose StatementBegin
DO $do$
DECLARE
    n int;
BEGIN
    FOR n IN 0..3 LOOP
        EXECUTE format('CREATE TABLE shard_%s (id int PRIMARY KEY, note text DEFAULT %L)', n, 'of shard ' || n);
    END LOOP;
END
$do$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DO $do$
BEGIN
    DROP TABLE shard_0, shard_1, shard_2, shard_3;
END
$do$;
-- +goose StatementEnd
