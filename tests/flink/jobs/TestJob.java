import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.Collector;

/**
 * Jobs for tests on a real cluster. They run until they are cancelled.
 *
 * <p>exchange SHIP P1 P2: a source of parallelism P1 shipped by SHIP to an operator of parallelism P2.
 *
 * <p>direct BYTES P: every one of P subtasks holds BYTES of direct memory.
 *
 * <p>work RATE ROUNDS SECONDS: three groups of unequal work, 4 sources that make RATE records a second
 * together (0: as many as they can), 12 subtasks that compute 6 times ROUNDS for a record, 18 that compute
 * ROUNDS. Every SECONDS by the clock the two change places (0: never).
 *
 * <p>first WHAT: a main that waits, reads, prints, allocates or starts a process before it makes a job.
 */
public final class TestJob {
    private static final int BATCH = 100;

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        if (args[0].equals("exchange")) {
            exchange(env, args[1], Integer.parseInt(args[2]), Integer.parseInt(args[3]));
        } else if (args[0].equals("work")) {
            work(env, Double.parseDouble(args[1]), Integer.parseInt(args[2]), Integer.parseInt(args[3]));
        } else if (args[0].equals("first")) {
            first(args[1]);
            exchange(env, "rebalance", 1, 1);
        } else {
            direct(env, Long.parseLong(args[1]), Integer.parseInt(args[2]));
        }
        env.executeAsync("test " + String.join(" ", args));
    }

    private static void first(String what) throws Exception {
        if (what.equals("wait")) {
            Thread.sleep(Long.MAX_VALUE);
        } else if (what.equals("read")) {
            while (System.in.read() >= 0) {}
        } else if (what.equals("print")) {
            String line = "x".repeat(99);
            for (int i = 0; i < 1_000_000; i++) {
                System.out.println(line);
                System.err.println(line);
            }
        } else if (what.equals("allocate")) {
            List<byte[]> all = new ArrayList<>();
            while (true) {
                all.add(new byte[1 << 20]);
            }
        } else if (what.equals("start")) {
            new ProcessBuilder("sleep", "1000").start();
        }
    }

    private static DataStream<Long> numbers(StreamExecutionEnvironment env, int parallelism) {
        return env.fromSource(
                        new NumberSequenceSource(0, Long.MAX_VALUE), WatermarkStrategy.noWatermarks(), "numbers")
                .setParallelism(parallelism);
    }

    private static void exchange(StreamExecutionEnvironment env, String ship, int p1, int p2) {
        DataStream<Long> slow = numbers(env, p1).map(new Holder(0)).setParallelism(p1);
        DataStream<Long> shipped = ship.equals("rescale") ? slow.rescale() : slow.rebalance();
        shipped.map(new Holder(0)).setParallelism(p2).sinkTo(new DiscardingSink<>()).setParallelism(p2);
    }

    private static void direct(StreamExecutionEnvironment env, long bytes, int parallelism) {
        numbers(env, parallelism)
                .map(new Holder(bytes))
                .setParallelism(parallelism)
                .sinkTo(new DiscardingSink<>())
                .setParallelism(parallelism);
    }

    private static void work(StreamExecutionEnvironment env, double rate, int rounds, int seconds) {
        RateLimiterStrategy limit =
                rate > 0 ? RateLimiterStrategy.perSecond(rate / BATCH) : RateLimiterStrategy.noOp();
        env.fromSource(
                        new DataGeneratorSource<>(index -> index, Long.MAX_VALUE, limit, Types.LONG),
                        WatermarkStrategy.noWatermarks(),
                        "ingest")
                .setParallelism(4)
                .slotSharingGroup("ingest")
                .flatMap(new Batch())
                .setParallelism(4)
                .rebalance()
                .map(new Worker(6 * rounds, rounds, seconds))
                .name("enrich")
                .setParallelism(12)
                .slotSharingGroup("enrich")
                .rebalance()
                .map(new Worker(rounds, 6 * rounds, seconds))
                .name("store")
                .setParallelism(18)
                .slotSharingGroup("store")
                .sinkTo(new DiscardingSink<>())
                .setParallelism(18);
    }

    /** Makes a batch of records of each: a limit of single records would cost more than they do. */
    private static final class Batch extends RichFlatMapFunction<Long, Long> {
        @Override
        public void flatMap(Long value, Collector<Long> out) {
            for (int i = 0; i < BATCH; i++) {
                out.collect(value * BATCH + i);
            }
        }
    }

    /** Computes as much for every record, however fast the machine is, and another amount in turn. */
    private static final class Worker extends RichMapFunction<Long, Long> {
        private final int rounds;
        private final int inTurn;
        private final int seconds;

        Worker(int rounds, int inTurn, int seconds) {
            this.rounds = rounds;
            this.inTurn = inTurn;
            this.seconds = seconds;
        }

        @Override
        public Long map(Long value) {
            boolean first = seconds == 0 || System.currentTimeMillis() / 1000 / seconds % 2 == 0;
            long state = value | 1;
            for (int i = first ? rounds : inTurn; i > 0; i--) {
                state ^= state << 13;
                state ^= state >>> 7;
                state ^= state << 17;
            }
            return state;
        }
    }

    /** Holds direct memory and lets ten records a second pass. */
    private static final class Holder extends RichMapFunction<Long, Long> {
        private static final int BLOCK = 1 << 20;
        private final long bytes;
        private transient ByteBuffer[] blocks;

        Holder(long bytes) {
            this.bytes = bytes;
        }

        @Override
        public void open(OpenContext context) {
            blocks = new ByteBuffer[(int) (bytes / BLOCK)];
            for (int i = 0; i < blocks.length; i++) {
                blocks[i] = ByteBuffer.allocateDirect(BLOCK);
            }
        }

        @Override
        public Long map(Long value) throws Exception {
            Thread.sleep(100);
            return value;
        }
    }
}
