-- currency conversion
CREATE TABLE q1 (auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), ts TIMESTAMP(3)) WITH ('connector' = 'blackhole');
INSERT INTO q1 SELECT auction, bidder, 0.908 * price, ts FROM bid;
