-- highest bid of a window
CREATE TABLE q7 (auction BIGINT, price BIGINT, bidder BIGINT, ts TIMESTAMP(3)) WITH ('connector' = 'blackhole');
INSERT INTO q7
  SELECT b.auction, b.price, b.bidder, b.ts FROM bid b JOIN (
    SELECT MAX(price) AS most, window_end
    FROM TABLE(TUMBLE(TABLE bid, DESCRIPTOR(ts), INTERVAL '10' SECOND)) GROUP BY window_start, window_end) m
  ON b.price = m.most AND b.ts BETWEEN m.window_end - INTERVAL '10' SECOND AND m.window_end;
