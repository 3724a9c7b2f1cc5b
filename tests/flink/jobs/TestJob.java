import java.nio.ByteBuffer;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Jobs for tests on a real cluster. They run until they are cancelled.
 *
 * <p>exchange SHIP P1 P2: a source of parallelism P1 shipped by SHIP to an operator of parallelism P2.
 *
 * <p>direct BYTES P: every one of P subtasks holds BYTES of direct memory.
 */
public final class TestJob {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        if (args[0].equals("exchange")) {
            exchange(env, args[1], Integer.parseInt(args[2]), Integer.parseInt(args[3]));
        } else {
            direct(env, Long.parseLong(args[1]), Integer.parseInt(args[2]));
        }
        env.executeAsync("test " + String.join(" ", args));
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
