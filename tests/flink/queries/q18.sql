-- the last bid of everybody: deduplication
CREATE TABLE q18 (auction BIGINT, bidder BIGINT, price BIGINT) WITH ('connector' = 'print');
INSERT INTO q18
  SELECT auction, bidder, price FROM (
    SELECT auction, bidder, price, ROW_NUMBER() OVER (PARTITION BY bidder, auction ORDER BY ts DESC) AS place FROM bid)
  WHERE place <= 1;
