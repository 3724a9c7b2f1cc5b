CREATE TABLE event (
  event_type INT,
  person ROW<id BIGINT, name STRING, city STRING, state STRING, ts TIMESTAMP(3)>,
  auction ROW<id BIGINT, item STRING, reserve BIGINT, ts TIMESTAMP(3), seller BIGINT, category BIGINT>,
  bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, ts TIMESTAMP(3)>,
  ts AS CASE WHEN event_type = 0 THEN person.ts WHEN event_type = 1 THEN auction.ts ELSE bid.ts END,
  WATERMARK FOR ts AS ts - INTERVAL '4' SECOND
) WITH ('connector' = 'datagen');
CREATE VIEW person AS SELECT person.id, person.name, person.city, person.state, ts FROM event WHERE event_type = 0;
CREATE VIEW auction AS
  SELECT auction.id, auction.item, auction.reserve, ts, auction.seller, auction.category FROM event WHERE event_type = 1;
CREATE VIEW bid AS SELECT bid.auction, bid.bidder, bid.price, bid.channel, ts FROM event WHERE event_type = 2;
