-- winning bids: the best row of each key
CREATE TABLE q9 (id BIGINT, item STRING, bidder BIGINT, price BIGINT, PRIMARY KEY (id) NOT ENFORCED)
  WITH ('connector' = 'blackhole');
INSERT INTO q9
  SELECT id, item, bidder, price FROM (
    SELECT a.id, a.item, b.bidder, b.price,
      ROW_NUMBER() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.ts) AS place
    FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.ts + INTERVAL '10' SECOND)
  WHERE place = 1;
