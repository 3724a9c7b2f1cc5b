import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.lib.NumberSequenceSource;
import org.apache.flink.api.java.functions.NullByteKeySelector;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.util.OutputTag;

/**
 * Jobs that Flink compiles in ways of their own, or refuses.
 *
 * <p>side: two outputs of one operator, the main one read twice and a side output once.
 *
 * <p>cache: a result that is kept for later jobs.
 *
 * <p>together: two operators of one co-location group.
 *
 * <p>broadcast: broadcast state. commit FOLDER: a sink with a committer.
 *
 * <p>custom: a partitioner of its own under unaligned checkpoints.
 *
 * <p>iterate: a feedback edge, which Flink has up to 1.20.
 *
 * <p>With slowly as the last argument the source takes its time, so that the job can be looked at.
 *
 * <p>settings: parallelism 3 and no chaining, whatever was given beside the program.
 */
public final class UnusualJob {
    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment();
        if (args[0].equals("settings")) {
            env.setParallelism(3);
            env.disableOperatorChaining();
        }
        if (args[0].equals("custom")) {
            env.enableCheckpointing(10_000);
            env.getCheckpointConfig().enableUnalignedCheckpoints();
        }
        WatermarkStrategy<Long> times = WatermarkStrategy.noWatermarks();
        if (args[args.length - 1].equals("slowly")) {
            times = times.withTimestampAssigner(new Functions.Slow());
        }
        DataStream<Long> numbers = env.fromSource(new NumberSequenceSource(1, 100_000), times, "numbers");
        switch (args[0]) {
            case "side":
                OutputTag<Long> odd = new OutputTag<>("odd", Types.LONG);
                SingleOutputStreamOperator<Long> split =
                        numbers.process(new Functions.Odd(odd)).returns(Types.LONG).name("split").uid("split");
                counted(split.rebalance(), "even");
                counted(split.getSideOutput(odd).rebalance(), "odd");
                counted(split.rebalance(), "again");
                break;
            case "cache":
                counted(same(numbers, "kept").cache().rebalance(), "reader");
                break;
            case "together":
                SingleOutputStreamOperator<Long> first = same(numbers.rebalance(), "first");
                SingleOutputStreamOperator<Long> second = same(first.rebalance(), "second");
                first.getTransformation().setCoLocationGroupKey("pair");
                second.getTransformation().setCoLocationGroupKey("pair");
                second.sinkTo(new DiscardingSink<>());
                break;
            case "broadcast":
                MapStateDescriptor<Long, Long> rules = new MapStateDescriptor<>("rules", Types.LONG, Types.LONG);
                counted(
                        numbers.connect(same(numbers, "rules").broadcast(rules)).process(new Functions.Broadcast()),
                        "ruled");
                break;
            case "commit":
                same(numbers, "written")
                        .sinkTo(
                                FileSink.forRowFormat(new Path(args[1]), new SimpleStringEncoder<Long>())
                                        .build());
                break;
            case "custom":
                counted(numbers.partitionCustom(new Functions.First(), new NullByteKeySelector<>()), "routed");
                break;
            case "iterate":
                iterate(numbers);
                break;
            default:
                counted(numbers, "plain");
        }
        env.execute("unusual " + args[0]);
    }

    @SuppressWarnings("unchecked")
    private static void iterate(DataStream<Long> numbers) throws Exception {
        Object loop = DataStream.class.getMethod("iterate").invoke(numbers);
        DataStream<Long> body = same((DataStream<Long>) loop, "body");
        loop.getClass().getMethod("closeWith", DataStream.class).invoke(loop, body);
        body.sinkTo(new DiscardingSink<>());
    }

    private static SingleOutputStreamOperator<Long> same(DataStream<Long> stream, String name) {
        return stream.map(value -> value).returns(Types.LONG).name(name).uid(name);
    }

    private static void counted(DataStream<Long> stream, String name) {
        same(stream, name).setParallelism(3).sinkTo(new DiscardingSink<>()).setParallelism(3);
    }
}
