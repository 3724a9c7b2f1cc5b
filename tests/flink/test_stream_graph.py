"""What a stream graph's classes say of its operators."""

from __future__ import annotations

import pytest

from planner.flink.stream_graph import connector_of


@pytest.mark.parametrize(
    ("name", "connector"),
    [
        ("org.apache.flink.connector.kafka.source.KafkaSource", "kafka"),
        ("org.apache.flink.connector.file.src.FileSource", "file"),
        ("org.apache.flink.connector.pulsar.sink.PulsarSink", "pulsar"),
        ("org.apache.flink.cdc.connectors.mysql.source.MySqlSource", "mysql-cdc"),
        ("com.ververica.cdc.connectors.postgres.source.PostgresSourceBuilder", "postgres-cdc"),
        ("org.apache.fluss.flink.source.FlinkSource", "fluss"),
        ("org.apache.doris.flink.source.DorisSource", "doris"),
        ("com.starrocks.connector.flink.table.source.StarRocksDynamicSourceFunction", "starrocks"),
        ("org.apache.iceberg.flink.source.IcebergSource", "iceberg"),
        ("org.apache.paimon.flink.source.ContinuousFileStoreSource", "paimon"),
        ("org.apache.flink.connector.datagen.source.DataGeneratorSource", None),
        ("org.apache.flink.api.connector.source.lib.NumberSequenceSource", None),
        ("org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink", None),
        ("com.example.orders.OrderSource", None),
    ],
)
def test_the_connector_of_a_class(name: str, connector: str | None) -> None:
    assert connector_of(name) == connector
