-- Orders joined with what customers clicked, and two figures by country.
-- The statement set makes one job of the three INSERTs.
SET 'pipeline.name' = 'orders';
SET 'parallelism.default' = '4';
SET 'execution.checkpointing.interval' = '10 s';
SET 'table.exec.state.ttl' = '1 min';

CREATE TABLE orders (
  customer INT,
  country INT,
  amount DOUBLE
) WITH (
  'connector' = 'datagen', 'rows-per-second' = '500',
  'fields.customer.min' = '1', 'fields.customer.max' = '1000',
  'fields.country.min' = '1', 'fields.country.max' = '50'
);

CREATE TABLE clicks (
  customer INT,
  page INT
) WITH (
  'connector' = 'datagen', 'rows-per-second' = '500',
  'fields.customer.min' = '1', 'fields.customer.max' = '1000'
);

CREATE TABLE revenue (country INT, total DOUBLE) WITH ('connector' = 'blackhole');
CREATE TABLE customers (country INT, number BIGINT) WITH ('connector' = 'blackhole');
CREATE TABLE visited (customer INT, page INT, amount DOUBLE) WITH ('connector' = 'blackhole');

EXECUTE STATEMENT SET
BEGIN
  INSERT INTO revenue SELECT country, SUM(amount) FROM orders GROUP BY country;
  INSERT INTO customers SELECT country, COUNT(DISTINCT customer) FROM orders GROUP BY country;
  INSERT INTO visited
    SELECT o.customer, c.page, o.amount FROM orders AS o JOIN clicks AS c ON o.customer = c.customer;
END;
