import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.common.eventtime.SerializableTimestampAssigner;
import org.apache.flink.api.common.functions.Partitioner;
import org.apache.flink.streaming.api.functions.ProcessFunction;
import org.apache.flink.streaming.api.functions.co.BroadcastProcessFunction;
import org.apache.flink.streaming.api.functions.co.KeyedBroadcastProcessFunction;
import org.apache.flink.util.Collector;
import org.apache.flink.util.OutputTag;

/** Functions of test programs that Flink's own jars have none of; what they compute does not matter. */
public final class Functions {
    /** Takes a third of a millisecond for the time of each number, in batch as in streaming. */
    public static final class Slow implements SerializableTimestampAssigner<Long> {
        @Override
        public long extractTimestamp(Long value, long time) {
            LockSupport.parkNanos(300_000);
            return time;
        }
    }

    /** Sends odd numbers to a side output. */
    public static final class Odd extends ProcessFunction<Long, Long> {
        private final OutputTag<Long> tag;

        public Odd(OutputTag<Long> tag) {
            this.tag = tag;
        }

        @Override
        public void processElement(Long value, Context context, Collector<Long> out) {
            if (value % 2 == 0) {
                out.collect(value);
            } else {
                context.output(tag, value);
            }
        }
    }

    /** Sends everything to the first subtask. */
    public static final class First implements Partitioner<Byte> {
        @Override
        public int partition(Byte key, int partitions) {
            return 0;
        }
    }

    /** Reads broadcast state. */
    public static final class Broadcast extends BroadcastProcessFunction<Long, Long, Long> {
        @Override
        public void processElement(Long value, ReadOnlyContext context, Collector<Long> out) {
            out.collect(value);
        }

        @Override
        public void processBroadcastElement(Long value, Context context, Collector<Long> out) {}
    }

    /** The same behind a key. */
    public static final class KeyedBroadcast extends KeyedBroadcastProcessFunction<Byte, Long, Long, Long> {
        @Override
        public void processElement(Long value, ReadOnlyContext context, Collector<Long> out) {
            out.collect(value);
        }

        @Override
        public void processBroadcastElement(Long value, Context context, Collector<Long> out) {}
    }
}
