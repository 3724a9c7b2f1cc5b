import java.io.InputStream;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;

import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * A job that does harm while a file says so: {@code WHAT AMOUNT SUBTASK}, read for every record, 20 a second.
 *
 * <p>Two sources feed a subtask each, so that a stuck one does not hold up the other; one sink makes them a region.
 *
 * <p>threads, classes: so many more for each record. direct, native: so many bytes more for each record, direct
 * memory or memory that only the operating system knows. stuck: the function does not end any more, whatever
 * interrupts it, and makes a file FILE.stuck. fail: an exception.
 */
public final class LeakJob {
    static final List<Object> HELD = new ArrayList<>();

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        env.fromSource(new NumberSequenceSource(0, Long.MAX_VALUE), WatermarkStrategy.noWatermarks(), "numbers")
                .setParallelism(2)
                .map(new Harm(args[0]))
                .name("Harm")
                .setParallelism(2)
                .sinkTo(new DiscardingSink<>())
                .setParallelism(1);
        env.execute("harm");
    }

    /** What the loaders of leaked classes load. */
    public static final class Loaded {}

    private static final class Harm extends RichMapFunction<Long, Long> {
        private final String file;
        private transient int subtask;
        private transient byte[] code;
        private transient Object unsafe;

        Harm(String file) {
            this.file = file;
        }

        @Override
        public void open(OpenContext context) throws Exception {
            subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
            try (InputStream in = Loaded.class.getResourceAsStream("LeakJob$Loaded.class")) {
                code = in.readAllBytes();
            }
            Class<?> kind = Class.forName("sun.misc.Unsafe");
            var field = kind.getDeclaredField("theUnsafe");
            field.setAccessible(true);
            unsafe = field.get(null);
        }

        @Override
        public Long map(Long value) throws Exception {
            Thread.sleep(50);
            Path path = Paths.get(file);
            String[] told = Files.exists(path) ? Files.readString(path).trim().split(" ") : new String[0];
            if (told.length == 3 && Integer.parseInt(told[2]) == subtask) {
                harm(told[0], Integer.parseInt(told[1]));
            }
            return value;
        }

        private void harm(String what, int amount) throws Exception {
            if (what.equals("stuck")) {
                Files.writeString(Paths.get(file + ".stuck"), "");
                while (true) {
                    try {
                        Thread.sleep(1000);
                    } catch (InterruptedException e) {
                        // goes on, as bad functions do
                    }
                }
            } else if (what.equals("fail")) {
                throw new IllegalStateException("told to fail");
            } else if (what.equals("direct")) {
                HELD.add(ByteBuffer.allocateDirect(amount));
            } else if (what.equals("native")) {
                Method allocate = unsafe.getClass().getMethod("allocateMemory", long.class);
                Method set = unsafe.getClass().getMethod("setMemory", long.class, long.class, byte.class);
                set.invoke(unsafe, allocate.invoke(unsafe, (long) amount), (long) amount, (byte) 1);
            } else {
                for (int i = 0; i < amount; i++) {
                    if (what.equals("threads")) {
                        Thread thread = new Thread(new Sleeper(), "leaked");
                        thread.setDaemon(true);
                        thread.start();
                    } else {
                        HELD.add(new Leaked(code).load());
                    }
                }
            }
        }
    }

    private static final class Sleeper implements Runnable {
        @Override
        public void run() {
            while (true) {
                try {
                    Thread.sleep(Long.MAX_VALUE);
                } catch (InterruptedException e) {
                    // stays
                }
            }
        }
    }

    private static final class Leaked extends ClassLoader {
        private final byte[] code;

        Leaked(byte[] code) {
            super(null);
            this.code = code;
        }

        Class<?> load() {
            return defineClass("LeakJob$Loaded", code, 0, code.length);
        }
    }
}
