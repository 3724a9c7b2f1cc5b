-- pass-through
CREATE TABLE q0 (auction BIGINT, bidder BIGINT, price BIGINT, ts TIMESTAMP(3)) WITH ('connector' = 'blackhole');
INSERT INTO q0 SELECT auction, bidder, price, ts FROM bid;
