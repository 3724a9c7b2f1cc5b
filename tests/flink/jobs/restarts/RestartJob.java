import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * A job of which one subtask fails once: {@code batch|streaming TASK SUBTASK SECONDS}.
 *
 * <p>batch: three stages with all data in between. streaming: two pipelines that have nothing in common.
 */
public final class RestartJob {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        boolean batch = args[0].equals("batch");
        String task = args[1];
        int subtask = Integer.parseInt(args[2]);
        long millis = Long.parseLong(args[3]) * 1000;
        if (batch) {
            env.setRuntimeMode(RuntimeExecutionMode.BATCH);
            DataStream<Long> numbers = env.fromSequence(1, 1000).name("early").setParallelism(2);
            for (String name : new String[] {"middle", "late"}) {
                numbers =
                        numbers.rebalance()
                                .map(new Once(name.equals(task), subtask, millis, 10))
                                .name(name)
                                .setParallelism(2);
            }
            numbers.rebalance().sinkTo(new DiscardingSink<>()).name("end").setParallelism(1);
        } else {
            for (String name : new String[] {"left", "right"}) {
                env.fromSequence(0, Long.MAX_VALUE)
                        .name(name + "-numbers")
                        .setParallelism(2)
                        .rebalance()
                        .map(new Once(name.equals(task), subtask, millis, 5))
                        .name(name)
                        .setParallelism(2)
                        .sinkTo(new DiscardingSink<>())
                        .name(name + "-end")
                        .setParallelism(1);
            }
        }
        env.execute("restarts");
    }

    /** Passes records on, slowly; the first attempt at one subtask fails some time after it began. */
    private static final class Once extends RichMapFunction<Long, Long> {
        private final boolean here;
        private final int subtask;
        private final long after;
        private final long pace;
        private transient boolean fails;
        private transient long end;

        Once(boolean here, int subtask, long after, long pace) {
            this.here = here;
            this.subtask = subtask;
            this.after = after;
            this.pace = pace;
        }

        @Override
        public void open(OpenContext context) {
            var task = getRuntimeContext().getTaskInfo();
            fails = here && task.getIndexOfThisSubtask() == subtask && task.getAttemptNumber() == 0;
            end = System.currentTimeMillis() + after;
        }

        @Override
        public Long map(Long number) throws Exception {
            Thread.sleep(pace);
            if (fails && System.currentTimeMillis() > end) {
                throw new IllegalStateException("fails once");
            }
            return number;
        }
    }
}
