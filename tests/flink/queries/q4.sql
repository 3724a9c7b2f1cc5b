-- average price of a category
CREATE TABLE q4 (category BIGINT, price BIGINT) WITH ('connector' = 'blackhole');
INSERT INTO q4
  SELECT category, AVG(final) FROM (
    SELECT MAX(b.price) AS final, a.category FROM auction a JOIN bid b ON a.id = b.auction
    WHERE b.ts BETWEEN a.ts AND a.ts + INTERVAL '10' SECOND GROUP BY a.id, a.category)
  GROUP BY category;
