import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * A job that fails as its first argument says: a sequence, a keyed count, and a sink.
 *
 * <p>Further arguments: the number of records, the uid of the count, its maximum parallelism.
 */
public class FailingJob {
    public static void main(String[] args) throws Exception {
        String how = args[0];
        long records = args.length > 1 ? Long.parseLong(args[1]) : Long.MAX_VALUE;
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        SingleOutputStreamOperator<Long> counted =
                env.fromSequence(0, records)
                        .uid("numbers")
                        .map(new Pace())
                        .uid("pace")
                        .keyBy(number -> number % 7)
                        .map(new Count(how))
                        .name("Count")
                        .uid(args.length > 2 ? args[2] : "count");
        if (args.length > 3) {
            counted.setMaxParallelism(Integer.parseInt(args[3]));
        }
        counted.sinkTo(new DiscardingSink<>()).uid("nowhere").name("Nowhere");
        env.execute(how);
    }

    /** Keeps the exchange below it empty, so that checkpoints are quick. */
    static class Pace implements MapFunction<Long, Long> {
        @Override
        public Long map(Long number) throws Exception {
            Thread.sleep(5);
            return number;
        }
    }

    static class Count extends RichMapFunction<Long, Long> implements CheckpointedFunction {
        private static final List<Object> KEPT = new ArrayList<>();
        private final String how;
        private final byte[] ballast;
        private transient ValueState<Long> seen;
        private transient ValueState<byte[]> large;
        private transient long begun;

        Count(String how) {
            this.how = how;
            this.ballast = how.equals("ballast") ? noise(600_000) : new byte[0];
        }

        private static byte[] noise(int size) {
            byte[] bytes = new byte[size];
            new java.util.Random(7).nextBytes(bytes);
            return bytes;
        }

        @Override
        public void open(OpenContext context) {
            seen = getRuntimeContext().getState(new ValueStateDescriptor<>("seen", Types.LONG));
            large = getRuntimeContext().getState(new ValueStateDescriptor<>("large", byte[].class));
            begun = System.currentTimeMillis();
        }

        @Override
        public Long map(Long number) throws Exception {
            Long before = seen.value();
            seen.update(before == null ? 1 : before + 1);
            if (how.equals("large")) {
                large.update(noise(6_000_000));
            }
            if (how.equals("slow")) {
                Thread.sleep(2000);
            }
            if (System.currentTimeMillis() - begun > 3000) {
                fail();
            }
            return number;
        }

        private static void sleep() {
            try {
                Thread.sleep(Long.MAX_VALUE);
            } catch (InterruptedException ended) {
                // as a pool does that is shut down
            }
        }

        private void fail() throws Exception {
            switch (how) {
                case "heap":
                    while (true) {
                        KEPT.add(new byte[1 << 20]);
                    }
                case "direct":
                    while (true) {
                        KEPT.add(ByteBuffer.allocateDirect(1 << 20));
                    }
                case "metaspace":
                    while (true) {
                        KEPT.add(new Loader().again(Leaked.class));
                    }
                case "threads":
                    while (true) {
                        Thread thread = new Thread(Count::sleep, "pool");
                        thread.setDaemon(true);
                        thread.start();
                    }
                case "exception":
                    try {
                        Integer.parseInt("twelve");
                    } catch (NumberFormatException cause) {
                        throw new IllegalStateException("cannot price order 4711", cause);
                    }
                    break;
                case "missing":
                    new LeftOut().call();
                    break;
                case "hang":
                    while (true) {
                        try {
                            Thread.sleep(100_000);
                        } catch (InterruptedException ignored) {
                            // as a client does that retries for ever
                        }
                    }
                default:
            }
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) throws Exception {
            if (how.equals("snapshot")) {
                throw new java.io.IOException("the bucket is read-only");
            }
        }

        @Override
        public void initializeState(FunctionInitializationContext context) {}
    }

    /** Defines a class of its own each time, as a library does that makes classes and keeps them. */
    static class Loader extends ClassLoader {
        Class<?> again(Class<?> kind) throws Exception {
            String file = kind.getName().replace('.', '/') + ".class";
            try (InputStream in = kind.getClassLoader().getResourceAsStream(file)) {
                byte[] bytes = in.readAllBytes();
                return defineClass(kind.getName(), bytes, 0, bytes.length);
            }
        }
    }

    static class Leaked {
        long a, b, c, d, e, f, g, h;

        String describe() {
            return a + "," + b + "," + c + "," + d + "," + e + "," + f + "," + g + "," + h;
        }
    }
}

/** Not in the jar. */
class LeftOut {
    void call() {}
}
