import java.nio.file.Files;
import java.nio.file.Paths;

import org.apache.flink.api.connector.dsv2.DataStreamV2SinkUtils;
import org.apache.flink.api.connector.dsv2.DataStreamV2SourceUtils;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.datastream.api.ExecutionEnvironment;
import org.apache.flink.datastream.api.common.Collector;
import org.apache.flink.datastream.api.context.PartitionedContext;
import org.apache.flink.datastream.api.function.OneInputStreamProcessFunction;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/** A job of the DataStream API V2. Where it runs, it makes the file that its argument names. */
public final class SecondApiJob {
    public static void main(String[] args) throws Exception {
        ExecutionEnvironment env = ExecutionEnvironment.getInstance();
        env.fromSource(DataStreamV2SourceUtils.wrapSource(new NumberSequenceSource(1, 10)), "numbers")
                .process(new Touch(args[0]))
                .withName("touch")
                .withParallelism(2)
                .toSink(DataStreamV2SinkUtils.wrapSink(new DiscardingSink<>()))
                .withName("out");
        env.execute("second");
    }

    /** Makes a file for the first record. */
    public static final class Touch implements OneInputStreamProcessFunction<Long, Long> {
        private final String file;

        Touch(String file) {
            this.file = file;
        }

        @Override
        public void processRecord(Long record, Collector<Long> output, PartitionedContext<Long> context)
                throws Exception {
            Files.write(Paths.get(file), new byte[0]);
        }
    }
}
