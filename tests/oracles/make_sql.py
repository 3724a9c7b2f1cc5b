"""Random SQL scripts for Flink: what they ask for does not matter, what Flink makes of them does."""

from __future__ import annotations

import random
from collections.abc import Callable

TABLE = """CREATE TABLE {name} (k BIGINT, v BIGINT, s STRING, ts AS PROCTIME(), t TIMESTAMP(3),
  WATERMARK FOR t AS t - INTERVAL '2' SECOND) WITH ('connector' = 'datagen'{options});"""
SINK = "CREATE TABLE {name} (k BIGINT, v BIGINT{key}) WITH ('connector' = '{connector}'{options});"
AGGREGATES = ("COUNT(*)", "SUM(v)", "MAX(v)", "COUNT(DISTINCT v)", "MIN(v) + COUNT(DISTINCT v)")


class Script:
    """Builds one script; every relation that it makes has the columns ``k`` and ``v``."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.batch = rng.random() < 0.2
        self.statements: list[str] = []
        self.tables = [self._table() for _ in range(rng.randint(1, 3))]
        self.views: list[str] = []
        self.names = 0

    def text(self) -> str:
        for _ in range(self.rng.randint(0, 2)):
            name = self.name("view")
            self.statements.append(f"CREATE TEMPORARY VIEW {name} AS {self.relation(2)};")
            self.views.append(name)
        inserts = [
            f"INSERT INTO {self._sink()} {self.relation(self.rng.randint(0, 3))}"
            for _ in range(self._sinks())
        ]
        self.statements.append("EXECUTE STATEMENT SET BEGIN")
        self.statements += [f"{insert};" for insert in inserts]
        self.statements.append("END;")
        return "\n".join(self.statements) + "\n"

    def name(self, prefix: str) -> str:
        self.names += 1
        return f"{prefix}{self.names}"

    def _sinks(self) -> int:
        return self.rng.choice((1, 1, 2, 3))

    def _table(self) -> str:
        name = f"source{len(self.statements)}"
        options = ", 'number-of-rows' = '10'" if self.batch or self.rng.random() < 0.2 else ""
        if self.rng.random() < 0.2:
            options += f", 'scan.parallelism' = '{self.rng.randint(1, 4)}'"
        self.statements.append(TABLE.format(name=name, options=options))
        return name

    def _sink(self) -> str:
        name = self.name("sink")
        connector = self.rng.choice(("blackhole", "print"))
        parallel = connector == "print" and self.rng.random() < 0.5
        self.statements.append(
            SINK.format(
                name=name,
                key=self.rng.choice(("", ", PRIMARY KEY (k) NOT ENFORCED")),
                connector=connector,
                options=f", 'sink.parallelism' = '{self.rng.randint(1, 4)}'" if parallel else "",
            )
        )
        return name

    def relation(self, depth: int) -> str:
        """Return a query over ``k`` and ``v`` in which queries stand at most ``depth`` deep."""
        over: list[Callable[[str], str]] = [self._filter, self._group, self._distinct, self._top, self._limit]
        above: list[Callable[[str, str], str]] = [self._join, self._union, self._semi, self._outer]
        base: list[Callable[[], str]] = [self._plain, self._window, self._over, self._interval, self._latest]
        kind = self.rng.random()
        if depth == 0 or kind < 0.2:
            return self.rng.choice(base)()
        if kind < 0.65:
            return self.rng.choice(over)(self.part(depth - 1))
        return self.rng.choice(above)(self.part(depth - 1), self.part(depth - 1))

    def part(self, depth: int) -> str:
        """Return what may stand after FROM."""
        if self.views and self.rng.random() < 0.4:
            return self.rng.choice(self.views)
        return f"({self.relation(depth)})"

    def _plain(self) -> str:
        table = self.rng.choice(self.tables)
        return f"SELECT k, v FROM {table}" + self.rng.choice(("", " WHERE v > 3", " WHERE s LIKE 'a%'"))

    def _window(self) -> str:
        table, size = self.rng.choice(self.tables), self.rng.randint(2, 9)
        window = self.rng.choice(
            (
                f"TUMBLE(TABLE {table}, DESCRIPTOR(t), INTERVAL '{size}' SECOND)",
                f"HOP(TABLE {table}, DESCRIPTOR(t), INTERVAL '{size}' SECOND, INTERVAL '{2 * size}' SECOND)",
                f"CUMULATE(TABLE {table}, DESCRIPTOR(t), INTERVAL '{size}' SECOND, INTERVAL '{3 * size}' SECOND)",
            )
        )
        keys = self.rng.choice(("window_start, window_end, k", "k, window_start, window_end, s"))
        return f"SELECT k, {self.rng.choice(AGGREGATES)} AS v FROM TABLE({window}) GROUP BY {keys}"

    def _over(self) -> str:
        frame = self.rng.choice(("ROWS BETWEEN 3 PRECEDING", "RANGE BETWEEN INTERVAL '5' SECOND PRECEDING"))
        part = self.rng.choice(("PARTITION BY k ", ""))
        table = self.rng.choice(self.tables)
        return f"SELECT k, SUM(v) OVER ({part}ORDER BY t {frame} AND CURRENT ROW) AS v FROM {table}"

    def _interval(self) -> str:
        one, two = self.rng.choice(self.tables), self.rng.choice(self.tables)
        between = "a.t BETWEEN b.t - INTERVAL '4' SECOND AND b.t"
        return f"SELECT a.k, b.v FROM {one} a JOIN {two} b ON a.k = b.k AND {between}"

    def _latest(self) -> str:
        order = self.rng.choice(("t", "t DESC"))
        row = f"ROW_NUMBER() OVER (PARTITION BY k ORDER BY {order}) AS r"
        return f"SELECT k, v FROM (SELECT k, v, {row} FROM {self.rng.choice(self.tables)}) WHERE r = 1"

    def _filter(self, part: str) -> str:
        return f"SELECT k + 1 AS k, v * 2 AS v FROM {part} WHERE v > {self.rng.randint(0, 9)}"

    def _group(self, part: str) -> str:
        key = self.rng.choice(("k", "MOD(k, 10)"))
        return f"SELECT {key} AS k, {self.rng.choice(AGGREGATES)} AS v FROM {part} GROUP BY {key}"

    def _distinct(self, part: str) -> str:
        return f"SELECT DISTINCT k, v FROM {part}"

    def _top(self, part: str) -> str:
        row = "ROW_NUMBER() OVER (PARTITION BY k ORDER BY v DESC) AS r"
        return f"SELECT k, v FROM (SELECT k, v, {row} FROM {part}) WHERE r <= {self.rng.randint(1, 3)}"

    def _limit(self, part: str) -> str:
        return f"SELECT k, v FROM {part} ORDER BY v LIMIT {self.rng.randint(1, 5)}"

    def _join(self, one: str, two: str) -> str:
        return f"SELECT a.k, b.v FROM {one} a JOIN {two} b ON a.k = b.k"

    def _outer(self, one: str, two: str) -> str:
        kind = self.rng.choice(("LEFT", "FULL OUTER"))
        return f"SELECT a.k, b.v FROM {one} a {kind} JOIN {two} b ON a.k = b.k"

    def _semi(self, one: str, two: str) -> str:
        no = self.rng.choice(("", "NOT "))
        return f"SELECT k, v FROM {one} x WHERE {no}EXISTS (SELECT * FROM {two} y WHERE x.k = y.k)"

    def _union(self, one: str, two: str) -> str:
        both = self.rng.choice(("UNION ALL", "UNION", "UNION ALL"))
        return f"SELECT k, v FROM {one} {both} SELECT k, v FROM {two}"


def options(rng: random.Random, batch: bool) -> dict[str, str]:
    """Return random options that change what Flink makes of a script."""
    found = {"parallelism.default": str(rng.randint(1, 6))}
    choices: list[tuple[float, dict[str, str]]] = [
        (0.2, {"table.exec.resource.default-parallelism": str(rng.randint(1, 6))}),
        (0.2, {"table.optimizer.agg-phase-strategy": rng.choice(("ONE_PHASE", "TWO_PHASE"))}),
        (0.1, {"pipeline.max-parallelism": str(rng.randint(6, 300))}),
        (0.1, {"pipeline.operator-chaining.enabled": "false"}),
        (0.1, {"pipeline.vertex-name-include-index-prefix": "true"}),
        (0.1, {"table.optimizer.reuse-sub-plan-enabled": "false"}),
    ]
    if batch:
        found["execution.runtime-mode"] = "BATCH"
        choices += [
            (
                0.3,
                {
                    "execution.batch-shuffle-mode": rng.choice(
                        ("ALL_EXCHANGES_PIPELINED", "ALL_EXCHANGES_BLOCKING")
                    )
                },
            ),
            (0.3, {"jobmanager.scheduler": "Default"}),
            (0.2, {"table.optimizer.multiple-input-enabled": "false"}),
        ]
    else:
        mini_batch = {"enabled": "true", "allow-latency": "1 s", "size": "100"}
        choices += [
            (0.3, {f"table.exec.mini-batch.{key}": value for key, value in mini_batch.items()}),
            (0.1, {"table.optimizer.distinct-agg.split.enabled": "true"}),
            (0.1, {"table.exec.sink.upsert-materialize": "FORCE"}),
        ]
    for probability, some in choices:
        if rng.random() < probability:
            found |= some
    return found


def contradictions(rng: random.Random, batch: bool) -> str:
    """Return statements by which a script sets options, perhaps otherwise than they are given beside it."""
    choices = {
        "parallelism.default": ("1", "2", "5"),
        "pipeline.operator-chaining.enabled": ("true", "false"),
        "pipeline.vertex-name-include-index-prefix": ("true", "false"),
        "execution.runtime-mode": ("streaming", "batch" if batch else "streaming"),
    }
    chosen = [(key, rng.choice(values)) for key, values in choices.items() if rng.random() < 0.4]
    return "".join(f"SET '{key}' = '{value}';\n" for key, value in chosen)


def script(rng: random.Random) -> tuple[str, dict[str, str]]:
    """Return a random script and options for it."""
    made = Script(rng)
    text, given = made.text(), options(rng, made.batch)
    return (contradictions(rng, made.batch) if rng.random() < 0.4 else "") + text, given
